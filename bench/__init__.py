"""Benchmarks: every figure is a ratio taken in one interleaved run on one machine."""
