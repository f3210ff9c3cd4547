"""KeyValue: what docs/contract.md and keyvalue.proto promise, on any plugin that serves it."""
