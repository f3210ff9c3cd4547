"""Cache: its semantics, whatever the store."""
