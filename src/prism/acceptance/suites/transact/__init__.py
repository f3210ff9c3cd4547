"""Transact: what docs/contract.md and transact.proto promise, on any plugin that serves it."""
