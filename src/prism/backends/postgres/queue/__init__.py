"""Queue on PostgreSQL."""
