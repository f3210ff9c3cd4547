"""Kafka for tests: the server, and one as the acceptance kit wants it."""

from prism.backends.kafka.testing.backend import KafkaTestBackend
from prism.backends.kafka.testing.server import KafkaServer, ServerMissing

__all__ = ["KafkaServer", "KafkaTestBackend", "ServerMissing"]
