"""Concurrency: what callers at the same time may count on, in every abstraction."""
