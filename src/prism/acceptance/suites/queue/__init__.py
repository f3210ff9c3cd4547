"""Queue: what docs/contract.md and queue.proto promise, on any plugin that serves it."""
