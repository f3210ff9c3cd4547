"""The performance baseline: relative figures, recorded for whoever compares runs, never asserted."""
