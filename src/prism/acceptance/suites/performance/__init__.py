"""The performance baseline: relative times, recorded to compare runs by, never asserted."""
