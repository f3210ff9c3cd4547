"""The producer of a gateway, without Kafka."""

import asyncio
import socket

import pytest

from prism.backends.kafka import producer
from prism.backends.kafka.config import KafkaConfig, KafkaCredentials
from prism.backends.kafka.link import Link
from prism.backends.kafka.producer import Publisher, Record
from prism.errors import BackendUnavailable, Outcome


async def test_an_end_leaves_no_publisher_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT, errors: the broker is silent and the gateway ends: what was to be sent has an unknown outcome."""
    monkeypatch.setattr(producer, "_FLUSH", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = Link(KafkaConfig(addresses=(f"127.0.0.1:{silent.getsockname()[1]}",)), KafkaCredentials())
        publisher = Publisher(link)
        publisher.start()
        report = publisher.send(Record("t", b"x"))
        await publisher.stop()
        with pytest.raises(BackendUnavailable) as raised:
            async with asyncio.timeout(10):
                await report
        assert raised.value.outcome is Outcome.UNKNOWN
        await link.stop()
