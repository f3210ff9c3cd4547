"""The face without an event loop, over a server in another thread."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from client.serving_thread import upstream_thread
from client.upstream import Fault, Upstream
from prism import client
from prism.client import InvalidArgument, MessagesLost, Outgoing, sync
from prism.interfaces.catalogue import interfaces


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server in a thread of its own."""
    with upstream_thread() as upstream:
        yield upstream


@pytest.fixture
def address(upstream: Upstream) -> str:
    """Where it listens."""
    return upstream.address


def test_calls_wait_for_their_answers(address: str) -> None:
    """Items, pages, streams and errors as in the asynchronous client."""
    with sync.Client(address) as prism:
        kv = prism.keyvalue()
        kv.put("r", {b"a": b"1", b"b": b"2"})
        item = kv.get("r", b"a")
        assert item is not None
        assert item.value == b"1"
        assert [each.key for each in kv.scan("r", page_size=1)] == [b"a", b"b"]
        assert len(list(kv.scan("r", page_size=1).pages())) == 2
        assert [len(chunk.items) for chunk in kv.scan_stream("r")] == [2]
        assert list(kv.list_records()) == ["r"]
        assert kv.compare_and_swap("r", b"a", item, None)
        with pytest.raises(InvalidArgument):
            kv.get("", b"a")


def test_messages_are_iterated_over(address: str) -> None:
    """A subscription is in place when its block is entered, gives messages one by one, and ends with it."""
    with sync.Client(address) as prism:
        events = prism.pubsub()
        with events.subscribe("t.>") as subscription:
            sent = [events.publish("t.0"), *(each.id for each in events.publish_batch([Outgoing("t.1")] * 2))]
            assert [next(subscription).id for _ in range(3)] == sent
            assert subscription.gaps == 0
        assert list(subscription) == []


def test_who_is_told_of_a_gap_may_use_the_client(address: str, upstream: Upstream) -> None:
    """To look up what was missed, say: its answers come by another thread than the one that it waits on."""
    upstream.faults.append(Fault(MessagesLost("reconnected"), messages=1))
    with sync.Client(address) as prism:
        events = prism.pubsub()
        with events.subscribe("t", on_gap=lambda _gap: events.publish("t", b"3")) as messages:  # type: ignore[arg-type, return-value]  # whatever it gives
            events.publish("t", b"1")
            assert next(messages).payload == b"1"
            events.publish("t", b"2")  # the stream ends in its place
            assert next(messages).payload == b"3"


def test_a_call_on_the_background_thread_is_refused(address: str) -> None:
    """It would wait for itself, for ever."""

    def token() -> str:
        prism.keyvalue().get("r", b"k")
        return "never given"

    with sync.Client(address, token=token) as prism, pytest.raises(RuntimeError, match="the client's own thread"):
        prism.keyvalue().get("r", b"k")


def test_a_loop_that_is_left_ends_its_stream(address: str) -> None:
    """Nothing is left running."""
    with sync.Client(address) as prism:
        kv = prism.keyvalue()
        for number in range(3):
            kv.put(f"r{number}", {b"k": b"v"})
        stream = kv.scan_stream()
        assert next(stream).record == "r0"
        stream.close()
        half_read = kv.scan_stream()
        assert next(half_read).record == "r0"
    half_read.close()


def test_one_client_serves_many_threads(address: str) -> None:
    """Calls of several threads travel over one connection."""
    with sync.Client(address) as prism, ThreadPoolExecutor(8) as threads:
        kv = prism.keyvalue()
        list(threads.map(lambda number: kv.put(f"r{number}", {b"k": b"v"}), range(50)))
        assert len(list(kv.list_records())) == 50


def test_a_closed_client_says_so(address: str) -> None:
    """Closing twice is fine."""
    prism = sync.Client(address)
    kv = prism.keyvalue()
    prism.close()
    prism.close()
    with pytest.raises(RuntimeError, match="closed"):
        kv.get("r", b"k")


def test_a_close_ends_the_waiting_of_other_threads(address: str) -> None:
    """A call that has not even a token yet is told that the client is closed."""
    asked = threading.Event()

    async def token() -> str:
        asked.set()
        await asyncio.Event().wait()
        return "never given"

    prism = sync.Client(address, token=token)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(prism.keyvalue().get, "r", b"k")
        asked.wait()
        prism.close()
        with pytest.raises(RuntimeError, match="closed"):
            waiting.result()


WITHOUT_A_CLIENT: set[str] = set()
"""Abstractions that the client does not have yet."""


def test_every_method_has_its_twin() -> None:
    """What the asynchronous class has, this one has."""

    def methods(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind, callable) if not name.startswith("_")}

    assert not any(hasattr(client, name) for name in WITHOUT_A_CLIENT), "it has one now: take it from the list"
    for name in {each.service.name for each in interfaces().values()} - WITHOUT_A_CLIENT:
        assert methods(getattr(sync, name)) == methods(getattr(client, name)), name
