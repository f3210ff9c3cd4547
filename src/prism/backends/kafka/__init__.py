"""Kafka: Queue on offset-committing groups, and PubSub that persists; for any number of gateways."""
