"""PubSub: what docs/contract.md and pubsub.proto promise, on any plugin that serves it."""
