"""PubSub that persists, on PostgreSQL."""
