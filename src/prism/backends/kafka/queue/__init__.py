"""Queue on Kafka: a topic for each topic, an offset-committing group for each group."""

from prism.backends.kafka.queue.store import KafkaQueues

__all__ = ["KafkaQueues"]
