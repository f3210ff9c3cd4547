"""Queue as a workload: a message for each number, and a consumer at each gateway that acknowledges what comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from prism.acceptance.callers.caller import Caller
from prism.acceptance.dsl import duration
from prism.acceptance.suites.queue.dsl import Queue
from prism.acceptance.suites.queue.worker import GROUP, TOPIC, Deliveries, Worker
from prism.acceptance.workload import Request, Witness, Workload
from prism.acceptance.write_ledger import RECOVERY_TIMEOUT, WriteLedger
from prism.interfaces import queue as q

_ACK_DEADLINE = 2.0
_PUBLISH: Mapping[str, q.PublishRequest] = {
    "delay": q.PublishRequest(topic="t", delay=duration(1.0)),
    "ordering": q.PublishRequest(topic="t", ordering_key="k"),
    "idempotency_window": q.PublishRequest(topic="t", idempotency_key="k"),
}
_OF_CAPABILITIES: Mapping[str, Sequence[Request]] = {
    **{name: [("Publish", request)] for name, request in _PUBLISH.items()},
    "receive": [
        ("Receive", q.ReceiveRequest(topic="t", group="g")),
        ("Acknowledge", q.AcknowledgeRequest(topic="t", group="g", receipts=["r"])),
        ("Nack", q.NackRequest(topic="t", group="g", receipts=["r"])),
        ("Release", q.ReleaseRequest(topic="t", group="g", receipts=["r"])),
        ("Extend", q.ExtendRequest(topic="t", group="g", receipts=["r"])),
    ],
    "cancel": [("Cancel", q.CancelRequest(topic="t", message_ids=["m"]))],
    "atomic_publish": [("PublishBatch", q.PublishBatchRequest(messages=[q.PublishRequest(topic="t")], atomic=True))],
    "atomic_commit": [("Commit", q.CommitRequest(topic="t", group="g", receipts=["r"]))],
}


class QueueWorkload(Workload):
    """`prism.acceptance.workload.Workload` of Queue."""

    LANGUAGE = Queue
    WRITE = "Publish"
    CALLERS = 8
    INVALID = (
        ("Publish", q.PublishRequest(topic=""), "topic"),
        ("DescribeTopic", q.DescribeTopicRequest(topic=""), "topic"),
        ("DeleteGroup", q.DeleteGroupRequest(topic="t", group="g" * 513), "group"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._queue = Queue(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    def write_request(self, number: int, value: int | None = None) -> q.PublishRequest:
        """See Workload. Numbers below one go to a topic without consumers: they only ask whether the store is well."""
        topic = TOPIC if number > 0 else "other"
        return q.PublishRequest(topic=topic, payload=b"%d" % (number if value is None else value))

    async def touch(self) -> None:
        """See Workload: a list of the topics."""
        await self.dsl.call("ListTopics", q.ListTopicsRequest())

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return _consumed_numbers(self._queue, ledger)


class ConsumedNumbers(Witness):
    """What consumers get of the numbers: `prism.acceptance.workload.Witness`."""

    def __init__(self, ledger: WriteLedger, deliveries: Deliveries) -> None:
        self._ledger = ledger
        self._deliveries = deliveries

    async def settle(self) -> None:
        """Returns when all that was acknowledged to its publisher was consumed, or is not in time."""
        with suppress(TimeoutError):
            await self._deliveries.reach(self._ledger.acknowledged, RECOVERY_TIMEOUT)

    def faults(self) -> list[str]:
        """See Witness."""
        found = list(self._deliveries.dishonest)
        came = set(self._deliveries.counts)
        if lost := self._ledger.acknowledged - came:
            found.append(f"{len(lost)} acknowledged messages did not come")
        if stuck := (self._ledger.acknowledged & came) - self._deliveries.settled:
            found.append(f"{len(stuck)} messages came and could not be acknowledged")
        if ghosts := self._ledger.not_applied & came:
            found.append(f"{len(ghosts)} messages came though publishing them was NOT_APPLIED")
        return found

    def warned(self) -> bool:
        """See Witness: what is missing can be looked for."""
        return True

    def measurements(self) -> Mapping[str, float]:
        """See Witness."""
        return {"deliveries again": self._deliveries.counts.total() - len(self._deliveries.counts)}


@asynccontextmanager
async def _consumed_numbers(queue: Queue, ledger: WriteLedger) -> AsyncIterator[ConsumedNumbers]:
    deadline = max(queue.capabilities.min_ack_deadline, _ACK_DEADLINE)
    await queue.group(GROUP, TOPIC, ack_deadline=deadline, max_attempts=0)
    deliveries = Deliveries()
    tasks = [asyncio.create_task(Worker(queue, via, deliveries).work()) for via in range(queue.caller.gateways)]
    try:
        yield ConsumedNumbers(ledger, deliveries)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


WORKLOAD = QueueWorkload
