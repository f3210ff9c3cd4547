"""Rates and what is used of them."""
