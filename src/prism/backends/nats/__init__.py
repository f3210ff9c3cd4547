"""The nats backend: PubSub on NATS, Queue and what persists on JetStream."""
