"""Reader: what docs/contract.md and reader.proto promise, on any plugin that serves it."""
