"""The audit trail: events, and the file that they are written to."""
