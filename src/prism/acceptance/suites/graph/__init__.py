"""Graph: what docs/contract.md and graph.proto promise, on any plugin that serves it."""
