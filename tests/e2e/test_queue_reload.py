"""A reload under many consumers at work: no message is lost, and none is worked on twice."""

import asyncio
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

import gateways
from e2e.test_plugin_chaos import reload
from e2e.test_plugins import sidecar
from prism.client import Client, GroupConfig, Queue, QueueMessage, QueueOutgoing

CONSUMERS = 200


class Handlers:
    """What works on messages, and sees whether anything else works on them too.

    Attributes:
        begun: how often each message was begun.
        attempts: which deliveries they were.
        held: how many are at work.
        full: set when each consumer has one.
        may_end: until it is set they stay at work.
    """

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.attempts: set[int] = set()
        self.held = 0
        self.full = asyncio.Event()
        self.may_end = asyncio.Event()

    async def handle(self, message: QueueMessage) -> None:
        """Works on one."""
        self.begun[message.id] += 1
        self.attempts.add(message.attempt)
        self.held += 1
        if self.held == CONSUMERS:
            self.full.set()
        await self.may_end.wait()
        self.held -= 1


async def publish(jobs: Queue, ids: set[str]) -> None:
    """A message for each consumer."""
    results = await jobs.publish_batch([QueueOutgoing(topic="t") for _ in range(CONSUMERS)], timeout=60)
    assert {type(each.error) for each in results} == {type(None)}
    ids.update(each.id for each in results)


@pytest.mark.parametrize("placement", ["in_process", "sidecar"])
async def test_a_reload_doubles_no_handler_and_loses_no_message(tmp_path: Path, placement: str) -> None:
    """CONTRACT, Queue 4: a handler ends on the old instance or on the new one; a failed attempt would be dead."""
    path = str(tmp_path / "queue.db")
    made = sidecar if placement == "sidecar" else gateways.namespace
    entry = {**made("default", "sqlite", path=path), "abstraction": "queue"}
    async with (
        asyncio.timeout(120),
        gateways.serving({"namespaces": [entry]}, tmp_path) as gateway,
        Client(gateway.data, timeout=60) as prism,
    ):
        await asyncio.to_thread(gateway.wait_until_served, "default")
        jobs, handlers, ids = prism.queue(), Handlers(), set[str]()
        await jobs.create_group("t", "g", GroupConfig(max_attempts=1, ack_deadline=60))
        workers = [jobs.worker("t", handlers.handle, group="g", timeout=60) for _ in range(CONSUMERS)]
        async with asyncio.TaskGroup() as tasks:
            for worker in workers:
                tasks.create_task(worker.run())
            await publish(jobs, ids)
            await handlers.full.wait()
            await publish(jobs, ids)  # these wait, as every consumer has one
            reloading = asyncio.create_task(reload(gateway, "default"))
            await asyncio.sleep(0)
            await publish(jobs, ids)
            reply = await reloading
            assert reply.status == 200, reply
            # Each has one at work on the old instance, and gets another one from the new instance.
            while asdict(await jobs.describe_group("t", "g"))["in_flight"] < 2 * CONSUMERS:  # noqa: ASYNC110  # a count
                await asyncio.sleep(0.05)
            handlers.may_end.set()
            while (counts := asdict(await jobs.describe_group("t", "g")))["acknowledged"] < len(ids):
                assert counts["dead"] == 0
                await asyncio.sleep(0.05)
            for worker in workers:
                worker.stop()
        assert handlers.begun == dict.fromkeys(ids, 1)
        assert handlers.attempts == {1}
        assert (counts["offered"], counts["dead"], counts["in_flight"]) == (len(ids), 0, 0)
