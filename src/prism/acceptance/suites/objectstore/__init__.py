"""ObjectStore: what docs/contract.md and objectstore.proto promise, on any plugin that serves it."""
