"""Kafka for tests: the server, and one as the acceptance kit wants it."""

from prism.backends.kafka.testing.backend import KafkaTestBackend
from prism.backends.kafka.testing.cluster import KafkaCluster
from prism.backends.kafka.testing.server import KafkaServer, ServerMissing

__all__ = ["KafkaCluster", "KafkaServer", "KafkaTestBackend", "ServerMissing"]
