"""`prism pubsub publish` and `subscribe` against a real server."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cli.command import prism
from client.upstream import Fault, Upstream
from prism.client import FellBehind


@asynccontextmanager
async def listening(upstream: Upstream, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`prism pubsub subscribe`, in place."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prism", "pubsub", "subscribe", "default", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PRISM_ENDPOINT": upstream.address},
    )
    assert process.stderr is not None
    try:
        assert b"listening to" in await process.stderr.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def output(process: asyncio.subprocess.Process) -> str:
    """What it printed, once it has ended well."""
    assert process.stdout is not None
    out = await process.stdout.read()
    assert await process.wait() == 0
    return out.decode()


async def test_what_is_published_is_printed(upstream: Upstream) -> None:
    """A line a message, in any shape of payload, until the count is reached."""
    async with listening(upstream, "orders.>", "--count", "3") as process:
        for arguments in (["orders.eu", "text"], ["orders.us", "base64:/w"], ["orders.eu"]):
            done = await prism("pubsub", "publish", "default", *arguments, endpoint=upstream.address)
            assert done.code == 0, done.err
        assert await output(process) == "orders.eu  text\norders.us  base64:/w\norders.eu\n"


async def test_json_says_everything(upstream: Upstream) -> None:
    """An object a line; the id is the one that publishing printed."""
    async with listening(upstream, "t", "--count", "1", "--json") as process:
        arguments = ["t", "p", "--attribute", "type=text", "--ordering-key", "k", "--output", "json"]
        done = await prism("pubsub", "publish", "default", *arguments, endpoint=upstream.address)
        assert done.code == 0, done.err
        message = json.loads(await output(process))
    assert message.pop("published_at").endswith("Z")
    assert message == {"topic": "t", "payload": "p", "attributes": {"type": "text"}, **json.loads(done.out)}


async def test_gaps_are_said_on_standard_error(upstream: Upstream) -> None:
    """Nothing is missed in silence, and it goes on."""
    upstream.faults.append(Fault(FellBehind.by(5)))
    async with listening(upstream, "t", "--count", "1", "--raw") as process:
        await prism("pubsub", "publish", "default", "t", "lost", endpoint=upstream.address)
        assert process.stderr is not None
        assert b"prism: 5 messages or more were missed" in await process.stderr.readline()
        await prism("pubsub", "publish", "default", "t", "next", endpoint=upstream.address)
        assert await output(process) == "next"


async def test_wrong_uses(upstream: Upstream) -> None:
    """Each is told what to give."""
    for arguments, says in (
        (["publish", "default", "t", "p", "--attribute", "x"], "NAME=TEXT"),
        (["subscribe", "default", "t", "--raw", "--json"], "--raw"),
    ):
        done = await prism("pubsub", *arguments, endpoint=upstream.address)
        assert done.code == 2
        assert says in done.err
    done = await prism("pubsub", "publish", "default", "a..b", endpoint=upstream.address)
    assert "no token between dots may be empty" in done.err
