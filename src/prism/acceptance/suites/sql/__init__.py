"""Sql: what docs/contract.md and sql.proto promise, on any plugin that serves it."""
