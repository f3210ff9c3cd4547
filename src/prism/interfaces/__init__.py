"""The abstractions: one file for each, with its messages and the Protocol that a backend implements."""
