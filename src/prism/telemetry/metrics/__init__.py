"""Counts and gauges, and their text for Prometheus."""
