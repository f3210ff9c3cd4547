"""Honesty: counters match what was done, health follows the store."""
