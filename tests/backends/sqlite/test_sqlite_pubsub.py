"""PubSub on SQLite: positions outlive restarts, another process's messages come at once, retention frees the file."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

from google.protobuf.empty_pb2 import Empty

from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.interfaces.pubsub import Context, Message, PublishRequest, PubSub, Start, SubscribeRequest
from prism.sdk import NoCredentials
from prism.sdk.pubsub import LoggedPubSub, PubSubOptions

HERE = Context("n")
EARLIEST = Start(earliest=Empty())


@asynccontextmanager
async def serving(path: Path, retention: float = 60.0) -> AsyncIterator[PubSub]:
    """PubSub of a backend on a file."""
    config = SqliteConfig(path=path, sweep_interval=0.02, pubsub=PubSubOptions(retention=retention))
    backend = SqliteBackend(config, NoCredentials())
    await backend.start()
    try:
        (pubsub,) = (each for each in backend.interfaces if isinstance(each, LoggedPubSub))
        yield pubsub
    finally:
        await backend.stop()


async def read(pubsub: PubSub, start: Start, count: int) -> list[Message]:
    """So many messages."""
    found: list[Message] = []
    request = SubscribeRequest(topic_pattern=">", start=start)
    async with aclosing(pubsub.subscribe(request, HERE)) as answers:  # type: ignore[type-var]  # it is a generator
        async for answer in answers:
            if answer.topic:
                found.append(answer)
            if len(found) == count:
                break
    return found


async def test_positions_outlive_a_restart(tmp_path: Path) -> None:
    """CONTRACT, PubSub that persists 2: nothing is skipped or repeated over it."""
    path = tmp_path / "data.db"
    async with serving(path) as pubsub:
        for number in range(3):
            await pubsub.publish(PublishRequest(topic="t", payload=b"%d" % number), HERE)
        first, _ = await read(pubsub, EARLIEST, 2)
    async with serving(path) as pubsub:
        rest = await read(pubsub, Start(position=first.position), 2)
        assert [each.payload for each in rest] == [b"1", b"2"]
        await pubsub.publish(PublishRequest(topic="t", payload=b"3"), HERE)
        (last,) = await read(pubsub, Start(position=rest[-1].position), 1)
        assert last.payload == b"3"


async def test_another_instance_is_heard(tmp_path: Path) -> None:
    """What another process appends to the file comes too, to both kinds of subscription."""
    path = tmp_path / "data.db"
    async with serving(path) as one, serving(path) as other:
        request = SubscribeRequest(topic_pattern=">")
        established = asyncio.Event()
        context = Context("n", on_established=established.set)
        async with aclosing(one.subscribe(request, context)) as plain:  # type: ignore[type-var]  # it is a generator
            heard = asyncio.ensure_future(anext(plain))
            followed = asyncio.ensure_future(read(one, EARLIEST, 1))
            await established.wait()
            await other.publish(PublishRequest(topic="t", payload=b"1"), HERE)
            async with asyncio.timeout(5):
                assert (await heard).payload == (await followed)[0].payload == b"1"


async def test_retention_frees_the_file(tmp_path: Path) -> None:
    """The sweep removes what has been kept for its time, and its bytes are not counted any more."""
    path = tmp_path / "data.db"
    async with serving(path, retention=0.05) as pubsub:
        for number in range(150):
            await pubsub.publish(PublishRequest(topic="t", payload=b"%d" % number), HERE)
        with closing(sqlite3.connect(path)) as connection:
            async with asyncio.timeout(20):
                while connection.execute("SELECT count(*) FROM pubsub_message").fetchone() != (0,):  # noqa: ASYNC110  # nothing tells
                    await asyncio.sleep(0.01)
            assert connection.execute("SELECT bytes FROM pubsub_log").fetchone() == (0,)
        await pubsub.publish(PublishRequest(topic="t", payload=b"new"), HERE)
        assert [each.payload for each in await read(pubsub, EARLIEST, 1)] == [b"new"]
