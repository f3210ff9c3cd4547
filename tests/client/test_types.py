"""What a type checker sees of the client."""

from pathlib import Path

from mypy import api

TYPED = """
from prism.client import (
    Chunk, Client, Item, Message, Outgoing, Peeked, Published, PublishResult, PutResult, QueueMessage, Swap, sync
)
from typing import assert_type


async def asynchronous(prism: Client) -> None:
    kv = prism.keyvalue()
    assert_type(await kv.get("r", b"k"), Item | None)
    async for item in kv.scan("r"):
        assert_type(item, Item)
    await kv.put("r", {b"k": b"v"}, ttl=60)
    events = prism.pubsub()
    assert_type(await events.publish("t", b"p"), str)
    assert_type(await events.publish_batch([Outgoing("t")]), list[PublishResult])
    async with events.subscribe("t", on_gap=print) as messages:
        async for message in messages:
            assert_type(message, Message)
    jobs = prism.queue()
    assert_type(await jobs.publish("t", b"p", delay=1), Published)
    async for job in jobs.consume("t", group="g"):
        async with job as same:
            assert_type(same, QueueMessage)
    async for peeked in jobs.peek("t", "g", "dead"):
        assert_type(peeked, Peeked)


def blocking(prism: sync.Client) -> None:
    kv = prism.keyvalue()
    assert_type(kv.get("r", b"k", timeout=1), Item | None)
    assert_type(kv.put("r", {b"k": b"v"}), dict[bytes, bytes])
    assert_type(kv.batch_put({"r": {b"k": b"v"}}), dict[str, PutResult])
    assert_type(kv.compare_and_swap("r", b"k", None, b"v"), Swap)
    for chunk in kv.scan_stream():
        assert_type(chunk, Chunk)
    for item in kv.scan("r", limit=3):
        assert_type(item, Item)
    for record in kv.list_records():
        assert_type(record, str)
    assert_type(prism.pubsub().publish("t"), str)
    for message in prism.pubsub().subscribe("t"):
        assert_type(message, Message)
    jobs = prism.queue()
    assert_type(jobs.publish("t", idempotency_key="k"), Published)
    assert_type(jobs.receive("t", group="g"), list[sync.QueueMessage])
    for job in jobs.consume("t", group="g"):
        with job as same:
            assert_type(same, sync.QueueMessage)
"""

WRONG = """
from prism.client import sync


def blocking(prism: sync.Client) -> None:
    prism.keyvalue().get("r", "text")
    prism.keyvalue().put("r", {b"k": b"v"}, tll=60)
"""


def test_results_are_typed(tmp_path: Path) -> None:
    """Both faces give the types that their documentation names."""
    assert _errors(tmp_path, TYPED) == []


def test_mistakes_are_found(tmp_path: Path) -> None:
    """A wrong argument is seen through the blocking face too."""
    errors = _errors(tmp_path, WRONG)
    assert len(errors) == 2
    assert "arg-type" in errors[0]
    assert "tll" in errors[1]


def _errors(folder: Path, code: str) -> list[str]:
    module = folder / "module.py"
    module.write_text(code)
    output, trouble, _ = api.run(["--strict", "--follow-imports=silent", "--no-error-summary", str(module)])
    assert trouble == ""
    return [line for line in output.splitlines() if ": error: " in line]
