"""Prism, a data access gateway: one typed API on namespaces, and any store behind them."""
