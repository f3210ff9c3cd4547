"""A queue without an event loop, over a server in another thread."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from client.serving_thread import upstream_thread
from prism import client
from prism.client import STOP_SIGNALS, GroupConfig, QueueOutgoing, sync


@pytest.fixture
def jobs() -> Iterator[sync.Queue]:
    """The work of its namespace `default`."""
    with upstream_thread() as upstream, sync.Client(upstream.address) as prism:
        yield prism.queue()


def test_calls_wait_for_their_answers(jobs: sync.Queue) -> None:
    """Publishing, receiving, settling and lists as in the asynchronous client."""
    jobs.create_group("t", "g", GroupConfig(max_attempts=1))
    jobs.publish_batch([QueueOutgoing(topic="t", payload=b"%d" % number) for number in range(4)])
    first, second, third, fourth = jobs.receive("t", group="g", limit=4)
    assert (first.topic, first.payload, first.attempt) == ("t", b"0", 1)
    with first:
        pass
    with pytest.raises(ZeroDivisionError), second:
        raise ZeroDivisionError("by zero")
    third.release()
    assert [each.error for each in jobs.acknowledge("t", "g", [fourth])] == [None]
    assert [each.reason for each in jobs.peek("t", "g", "dead")] == ["ZeroDivisionError: by zero"]
    assert (list(jobs.topics()), list(jobs.groups("t"))) == (["t"], ["g"])
    assert jobs.redrive("t", "g", limit=10) == 1
    assert jobs.describe_group("t", "g").waiting == 2


def test_messages_are_iterated_over(jobs: sync.Queue) -> None:
    """Each is settled by its block; leaving the loop's block gives back the rest."""
    jobs.publish_batch([QueueOutgoing(topic="t", payload=b"%d" % number) for number in range(3)])
    with jobs.consume("t", group="g") as messages:
        for message in messages:
            with message:
                if message.payload == b"1":
                    break
    assert message.settled
    counts = jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.waiting, counts.in_flight) == (2, 1, 0)
    with jobs.consume("t", group="g") as messages:
        messages.drain()
        assert list(messages) == []


def test_a_worker_runs_handlers_on_threads_until_a_signal(jobs: sync.Queue) -> None:
    """Side by side, each with the whole client at hand; the signal has its old meaning afterwards."""
    jobs.publish_batch([QueueOutgoing(topic="t") for _ in range(2)])
    before = signal.getsignal(signal.SIGTERM)
    together = threading.Barrier(2, timeout=20)

    def handle(message: sync.QueueMessage) -> None:
        together.wait()
        message.extend()
        message.commit(QueueOutgoing(topic="next"))
        os.kill(os.getpid(), signal.SIGTERM)

    worker = jobs.worker("t", handle, group="g", concurrency=2)
    worker.run(signals=STOP_SIGNALS)
    assert worker.running == 0
    assert jobs.describe_group("t", "g").acknowledged == 2
    assert jobs.describe_topic("next").messages == 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_worker_is_stopped_by_its_handler(jobs: sync.Queue) -> None:
    """From any thread."""
    jobs.publish("t")

    def handle(_message: sync.QueueMessage) -> None:
        worker.stop()

    worker = jobs.worker("t", handle, group="g")
    worker.run()
    assert jobs.describe_group("t", "g").acknowledged == 1


def test_both_faces_have_the_same_methods() -> None:
    """What the asynchronous one can do, this one can."""
    for one, other in ((client.Queue, sync.Queue), (client.QueueMessage, sync.QueueMessage)):
        wanted = {name for name in dir(one) if not name.startswith("_")} - {"fail"}
        assert wanted <= set(dir(other))


def test_acknowledging_without_waiting(jobs: sync.Queue) -> None:
    """It is asked at once; a message that is settled otherwise is refused."""
    jobs.publish("t", b"a")
    jobs.publish("t", b"b")
    with jobs.consume("t", group="g") as messages:
        first, second = next(messages), next(messages)
        first.acknowledge_nowait()
        first.acknowledge_nowait()
        second.nack(delay=60)
        with pytest.raises(RuntimeError, match="settled already, by nack"):
            second.acknowledge_nowait()
    counts = jobs.describe_group("t", "g")
    assert (counts.acknowledged, counts.delayed) == (1, 1)
