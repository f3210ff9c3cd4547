"""Queue on JetStream: a stream for each topic, a durable consumer for each group."""
