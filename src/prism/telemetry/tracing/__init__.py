"""Spans: their context, which are kept, and their way to a collector."""
