"""Three real nodes for tests, any of which may be killed or paused; each is broker and controller."""

from collections.abc import Mapping
from typing import Self

from prism.acceptance.store.held_port import HeldPort
from prism.backends.kafka.testing.server import KafkaServer, cluster_id


class KafkaCluster:
    """Nodes that know each other; a context manager.

    Attributes:
        nodes: all of them.
    """

    def __init__(self, size: int = 3) -> None:
        self._controllers = [HeldPort() for _ in range(size)]
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(self._controllers, 1))
        name = cluster_id()
        self.nodes = [
            KafkaServer(settings=_settings(number, voters, size), controller=port, cluster=name)
            for number, port in enumerate(self._controllers, 1)
        ]

    @property
    def addresses(self) -> list[str]:
        """How clients reach them."""
        return [each.address for each in self.nodes]

    def start(self) -> None:
        """Starts those that do not run; returns when all answer."""
        for each in self.nodes:
            each.launch()
        for each in self.nodes:
            each.wait()

    def stop(self) -> None:
        """Ends all; nothing is left."""
        for each in self.nodes:
            each.kill()
        for each in self.nodes:
            each.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _settings(number: int, voters: str, size: int) -> Mapping[str, str]:
    copies = str(min(size, 3))
    return {
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "controller.quorum.bootstrap.servers": "",
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": "2",
        "min.insync.replicas": "2",
        "default.replication.factor": copies,
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "controller.quorum.election.timeout.ms": "500",
        "controller.quorum.fetch.timeout.ms": "1500",
        "replica.lag.time.max.ms": "5000",
    }
