"""`prism queue` against a real server."""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import pytest

from cli.command import Done, prism
from client.upstream import Upstream
from prism.client import Client, GroupConfig


async def queue(upstream: Upstream, command: str, *arguments: str, stdin: bytes = b"") -> Done:
    """Runs a command of the group on the namespace `default`; it ends well."""
    done = await prism("queue", command, "default", *arguments, endpoint=upstream.address, stdin=stdin)
    assert done.code == 0, done.err
    return done


async def answer(upstream: Upstream, command: str, *arguments: str, stdin: bytes = b"") -> Any:
    """What it prints as JSON."""
    return json.loads((await queue(upstream, command, *arguments, "-o", "json", stdin=stdin)).out)


async def test_what_is_published_is_consumed(upstream: Upstream) -> None:
    """In any shape of payload, from arguments and from standard input; each is acknowledged."""
    await queue(upstream, "publish", "t", "text")
    await queue(upstream, "publish", "t", "-", stdin=b"\xff")
    assert await answer(upstream, "publish", "t", "--lines", stdin=b"one\ntwo\n") == {"published": 2}
    done = await queue(upstream, "consume", "t", "--group", "g", "--count", "4")
    assert done.out == "text\nbase64:/w\none\ntwo\n"
    counts = await answer(upstream, "describe", "t", "g")
    assert (counts["acknowledged"], counts["waiting"], counts["lag"]) == (4, 0, {"0": 0})
    assert counts["config"]["max_attempts"] == 5


async def test_json_says_everything(upstream: Upstream) -> None:
    """An object a line; the id is the one that publishing printed, and the same key gives it again."""
    arguments = ("t", "p", "--attribute", "type=text", "--ordering-key", "k", "--idempotency-key", "i")
    published = await answer(upstream, "publish", *arguments)
    again = await answer(upstream, "publish", *arguments)
    assert (again["message_id"], again["duplicate"]) == (published["message_id"], True)
    done = await queue(upstream, "consume", "t", "--group", "g", "--count", "1", "--json")
    message = json.loads(done.out)
    assert message.pop("published_at").endswith("Z")
    assert message == {
        "message_id": published["message_id"],
        "payload": "p",
        "attributes": {"type": "text"},
        "ordering_key": "k",
        "attempt": 1,
    }


async def test_receive_shows_receipts(upstream: Upstream) -> None:
    """Without --ack a message is in flight; its receipt settles it by any way in. Nothing due exits with 1."""
    for payload in ("1", "2"):
        await queue(upstream, "publish", "t", payload)
    (first,) = await answer(upstream, "receive", "t", "--group", "g")
    assert (await answer(upstream, "describe", "t", "g"))["in_flight"] == 1
    async with Client(upstream.address) as client:
        assert [each.error for each in await client.queue().acknowledge("t", "g", [first["receipt"]])] == [None]
    (second,) = await answer(upstream, "receive", "t", "--group", "g", "--max", "5", "--wait", "1s", "--ack")
    assert second["payload"] == "2"
    assert (await answer(upstream, "describe", "t", "g"))["acknowledged"] == 2
    done = await prism("queue", "receive", "default", "t", "--group", "g", endpoint=upstream.address)
    assert done.code == 1


async def test_operators_see_and_move(upstream: Upstream) -> None:
    """Topics, groups, what is in them; redrive, discard, seek and purge say how many messages they are about."""
    async with Client(upstream.address) as client:
        jobs = client.queue()
        await jobs.create_group("t", "g", GroupConfig(max_attempts=1))
        for number in range(3):
            await jobs.publish("t", b"%d" % number)
        for message in await jobs.receive("t", group="g", limit=3):
            await message.nack(reason="broken")
    await queue(upstream, "publish", "later", "x", "--delay", "1h")
    assert await answer(upstream, "topics") == [{"topic": "later"}, {"topic": "t"}]
    assert await answer(upstream, "topics", "--prefix", "l") == [{"topic": "later"}]
    assert await answer(upstream, "groups", "t") == [{"group": "g"}]
    assert (await answer(upstream, "describe", "t"))["messages"] == 3
    dead = await answer(upstream, "peek", "t", "g", "--state", "dead")
    assert [(each["payload"], each["reason"], each["attempt"]) for each in dead] == [
        (str(number), "broken", 1) for number in range(3)
    ]
    assert "broken" in (await queue(upstream, "peek", "t", "g", "--state", "dead")).out
    assert await answer(upstream, "redrive", "t", "g", dead[0]["message_id"]) == {"count": 1}
    assert await answer(upstream, "discard", "t", "g", "--limit", "10") == {"count": 2}
    assert [each["payload"] for each in await answer(upstream, "peek", "t", "g")] == ["0"]
    assert await answer(upstream, "seek", "t", "g", "earliest") == {"count": 3}
    assert await answer(upstream, "seek", "t", "g", "2040-01-01T00:00:00Z") == {"count": 0}
    assert await answer(upstream, "purge", "t") == {"count": 3}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("publish", "t", "p", "--attribute", "x"), "NAME=TEXT"),
        (("publish", "t", "--delay", "1s", "--at", "2040-01-01T00:00:00Z"), "not both"),
        (("publish", "t", "p", "--lines"), "leave out PAYLOAD"),
        (("consume", "t"), "--group"),
        (("consume", "t", "--group", "g", "--raw", "--json"), "--raw"),
        (("redrive", "t", "g"), "--limit for the oldest"),
        (("discard", "t", "g", "id", "--limit", "1"), "--limit for the oldest"),
        (("seek", "t", "g", "yesterday"), "2030-01-01T00:00:00Z"),
        (("describe", "none"), "does not exist"),
    ],
)
async def test_wrong_uses(upstream: Upstream, arguments: tuple[str, ...], says: str) -> None:
    """Each says what to give."""
    command, *rest = arguments
    done = await prism("queue", command, "default", *rest, endpoint=upstream.address)
    assert done.code == 2
    assert says in done.err


# A shell that starts the tests in the background has them, and what they start, ignore SIGINT.
INTERRUPTIBLE = """
import signal
from prism.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


async def test_an_interrupt_gives_back_what_was_not_printed(upstream: Upstream) -> None:
    """Ctrl-C ends it with what is printed acknowledged, and nothing in flight."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", INTERRUPTIBLE, "queue", "consume", "default", "t", "--group", "g", "--raw"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PRISM_ENDPOINT": upstream.address},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"consuming t for g" in await process.stderr.readline()
    await queue(upstream, "publish", "t", "printed")
    assert await process.stdout.readexactly(7) == b"printed"
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 130
    assert (await answer(upstream, "describe", "t", "g"))["in_flight"] == 0
