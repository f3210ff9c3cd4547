"""The nats backend: PubSub on core NATS."""
