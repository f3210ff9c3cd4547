"""Streams under way, and what ends them."""
