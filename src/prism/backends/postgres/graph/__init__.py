"""Graph on PostgreSQL."""
