"""PubSub that persists, on Kafka."""

from prism.backends.kafka.pubsub.message_log import KafkaLog

__all__ = ["KafkaLog"]
