"""PubSub that persists, on JetStream: a stream for each namespace."""
