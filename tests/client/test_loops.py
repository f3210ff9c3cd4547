"""A client in a child process and on a second event loop: it works, or says at once what to do."""

import asyncio
import os
import signal
import threading
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator

import pytest

from client.serving_thread import upstream_thread
from client.upstream import Upstream
from prism.client import Cancelled, Client, sync

CHILD_TIMEOUT = 20


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server in a thread of its own."""
    with upstream_thread() as upstream:
        yield upstream


def in_child(work: Callable[[], object]) -> None:
    """Runs it in a fork of this process, which must end well and in time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is what is tested
        child = os.fork()
    if child == 0:
        signal.alarm(CHILD_TIMEOUT)
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001  # nothing of pytest's may run in the child
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with {status}"


def test_a_sync_client_works_in_a_child(upstream: Upstream) -> None:
    """It has a connection of its own there; the parent's goes on, and so does a child's child."""
    with sync.Client(upstream.address) as prism:
        kv = prism.keyvalue()
        kv.put("r", {b"k": b"parent"})

        def write() -> None:
            item = kv.get("r", b"k")
            assert item is not None
            kv.put("r", {b"child": item.value})
            assert [each.key for each in kv.scan("r")] == [b"child", b"k"]
            assert [chunk.record for chunk in kv.scan_stream()] == ["r"]
            in_child(lambda: kv.put("r", {b"grandchild": b""}))
            prism.close()

        in_child(write)
        assert [each.key for each in kv.scan("r")] == [b"child", b"grandchild", b"k"]


def test_a_client_that_is_not_used_in_a_child_is_closed_there(upstream: Upstream) -> None:
    """Without a word to the gateway, and without the thread that is not there."""
    with sync.Client(upstream.address) as prism:
        prism.keyvalue().put("r", {b"k": b"v"})
        in_child(prism.close)
        assert prism.keyvalue().get("r", b"k") is not None


def test_a_fork_while_others_call(upstream: Upstream) -> None:
    """Whatever another thread holds at that moment, it is not missed in the child."""
    with sync.Client(upstream.address) as prism:
        kv = prism.keyvalue()
        ended = threading.Event()

        def call() -> None:
            while not ended.is_set():
                kv.put("r", {b"k": b"v"})

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                in_child(lambda: kv.get("r", b"k"))
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def test_what_was_open_says_so_in_a_child(upstream: Upstream) -> None:
    """Streams and subscriptions stay the parent's, which goes on with them."""
    with sync.Client(upstream.address) as prism:
        kv, events = prism.keyvalue(), prism.pubsub()
        for record in ("a", "b"):
            kv.put(record, {b"k": b"v"})
        chunks = kv.scan_stream()
        assert next(chunks).record == "a"
        pages = kv.list_records(page_size=1).pages()
        assert next(pages).elements == ("a",)
        with events.subscribe("t") as subscription:

            def read() -> None:
                with pytest.raises(RuntimeError, match="fork"):
                    next(chunks)
                with pytest.raises(RuntimeError, match="fork"):
                    next(pages)
                with pytest.raises(RuntimeError, match="fork"):
                    next(subscription)
                subscription.close()
                with events.subscribe("t") as another:
                    events.publish("t", b"child")
                    assert next(another).payload == b"child"

            in_child(read)
            assert next(subscription).payload == b"child"
        assert next(chunks).record == "b"
        assert next(pages).elements == ("b",)


def test_an_asynchronous_client_works_in_a_child(upstream: Upstream) -> None:
    """On the loop that the child begins."""
    prism = Client(upstream.address)

    async def put(key: bytes) -> None:
        await prism.keyvalue().put("r", {key: b"v"})

    async def parent() -> list[bytes]:
        await put(b"parent")

        def child() -> None:
            asyncio.run(put(b"child"))

        await asyncio.to_thread(in_child, child)
        async with prism:
            return [item.key async for item in prism.keyvalue().scan("r")]

    assert asyncio.run(parent()) == [b"child", b"parent"]


def test_a_second_loop_behind_the_first(upstream: Upstream) -> None:
    """As with one `asyncio.run` after the other; in a child process, as each loop leaves an open connection behind."""

    def runs() -> None:
        prism = Client(upstream.address)
        kv = prism.keyvalue()
        asyncio.run(_awaited(lambda: kv.put("r", {b"k": b"v"})))
        assert asyncio.run(_awaited(lambda: kv.get("r", b"k"))) is not None
        subscription = prism.pubsub().subscribe("t")

        async def subscribe() -> None:
            await subscription.__aenter__()

        asyncio.run(subscribe())
        with pytest.raises(RuntimeError, match="another event loop"):
            asyncio.run(_awaited(lambda: anext(subscription)))

        async def last() -> None:
            async with prism:
                await subscription.aclose()
                assert await kv.get("r", b"k") is not None

        asyncio.run(last())
        with pytest.raises(Cancelled, match="closed"):
            asyncio.run(_awaited(lambda: kv.get("r", b"k")))

    in_child(runs)


async def test_a_second_loop_beside_the_first(upstream: Upstream) -> None:
    """Where the first one runs the error says at once what to do."""
    async with Client(upstream.address) as prism:
        kv = prism.keyvalue()
        await kv.put("r", {b"k": b"v"})
        others: list[Callable[[], Awaitable[object]]] = [
            lambda: kv.get("r", b"k"),
            lambda: anext(kv.scan_stream()),
            lambda: anext(prism.pubsub().subscribe("t")),
            prism.close,
        ]
        for other in others:
            with pytest.raises(RuntimeError, match="create a client for each event loop"):
                await asyncio.to_thread(asyncio.run, _awaited(other))
        assert await kv.get("r", b"k") is not None


async def test_a_stream_stays_with_its_loop(upstream: Upstream) -> None:
    """It does not wait for ever on another one."""
    async with Client(upstream.address) as prism, prism.pubsub().subscribe("t") as subscription:
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, _awaited(lambda: anext(subscription)))
        await prism.pubsub().publish("t", b"here")
        assert (await anext(subscription)).payload == b"here"


async def _awaited(work: Callable[[], Awaitable[object]]) -> object:
    return await work()
