"""PubSub as a workload: a message for each number, and a listener at each gateway that hears what became of them.

Of what persists a follower besides, who must get every one of them, once.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from google.protobuf.empty_pb2 import Empty

from prism.acceptance.callers.caller import Caller
from prism.acceptance.suites.pubsub.dsl import PubSub
from prism.acceptance.suites.pubsub.follower import Follower
from prism.acceptance.suites.pubsub.listener import TOPIC, Listener
from prism.acceptance.workload import Request, Witness, Workload
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces.pubsub import OnGap, PublishRequest, Start, SubscribeRequest

_OF_CAPABILITIES: dict[str, Sequence[Request]] = {
    "ordering": [("Publish", PublishRequest(topic="t", ordering_key="k"))],
    "queue_groups": [("Subscribe", SubscribeRequest(topic_pattern=">", queue_group="g"))],
    "persistent": [
        ("Subscribe", SubscribeRequest(topic_pattern=">", start=Start(now=Empty()))),
        ("Subscribe", SubscribeRequest(topic_pattern=">", on_gap=OnGap.PUB_SUB_ON_GAP_SKIP)),
    ],
}


class PubSubWorkload(Workload):
    """`prism.acceptance.workload.Workload` of PubSub."""

    LANGUAGE = PubSub
    WRITE = "Publish"
    CALLERS = 8
    INVALID = (
        ("Publish", PublishRequest(topic=""), "topic"),
        ("Subscribe", SubscribeRequest(topic_pattern="a..b"), "topic_pattern"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._ps = PubSub(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    def write_request(self, number: int, value: int | None = None) -> PublishRequest:
        """See Workload. Numbers below one have a topic without listeners: they only ask whether the store is well."""
        topic = TOPIC if number > 0 else "t.other.than.numbers"
        return PublishRequest(topic=topic, payload=b"%d" % (number if value is None else value))

    async def touch(self) -> None:
        """See Workload: a subscription, which ends at once."""
        async with self._ps.listening("t"):
            pass

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return _heard_numbers(self, self._ps, ledger)


class HeardNumbers(Witness):
    """What listeners hear of the numbers: `prism.acceptance.workload.Witness`."""

    def __init__(
        self,
        workload: PubSubWorkload,
        ledger: WriteLedger,
        listeners: Sequence[Listener],
        followers: Sequence[Follower],
    ) -> None:
        self._workload = workload
        self._ledger = ledger
        self._listeners = listeners
        self._followers = followers

    async def listening(self) -> None:
        """Returns when every listener has a subscription in place."""
        for each in self._listeners:
            await each.until(lambda each=each: each.living is not None)  # type: ignore[misc]  # bound at once
        for follower in self._followers:
            await follower.placed()

    async def settle(self) -> None:
        """Returns when every listener listens again and has what was sent since, or does not get it in time."""
        await self.listening()
        number = self._ledger.next()
        await self._workload.write(number)
        self._ledger.success(number)
        with suppress(TimeoutError):
            for each in self._listeners:
                await each.until(lambda each=each: not each.missing())  # type: ignore[misc]  # bound at once
            for follower in self._followers:
                await follower.reach(self._ledger.acknowledged)

    def faults(self) -> list[str]:
        """See Witness."""
        found: list[str] = []
        for listener in self._listeners:
            found += listener.dishonest
            got = listener.got
            if len(set(got)) < len(got):
                found.append(f"{len(got) - len(set(got))} messages came twice to one listener")
            if ghosts := self._ledger.not_applied & set(got):
                found.append(f"{len(ghosts)} messages came though publishing them was NOT_APPLIED")
            if missing := listener.missing():
                found.append(f"{len(missing)} acknowledged messages did not come, and the subscription stands")
        for follower in self._followers:
            found += follower.dishonest
            if lost := self._ledger.acknowledged - follower.got.keys():
                found.append(f"{len(lost)} acknowledged messages were skipped by who follows what persists")
            if again := [number for number, count in follower.got.items() if count > 1]:
                found.append(f"{len(again)} messages were repeated to who follows what persists")
            if ghosts := self._ledger.not_applied & follower.got.keys():
                found.append(f"{len(ghosts)} messages persist though publishing them was NOT_APPLIED")
        return found

    def warned(self) -> bool:
        """See Witness: a subscription said that there is a gap; what persists can be looked for, so none has to."""
        return bool(self._followers) or any(each.gaps for each in self._listeners)

    def measurements(self) -> Mapping[str, float]:
        """See Witness."""
        lost = [len(self._ledger.acknowledged - set(each.got)) for each in self._listeners]
        gaps = sum(each.gaps for each in self._listeners)
        return {"gaps reported": gaps, "missed in gaps, by each listener": sum(lost) / len(lost)}


@asynccontextmanager
async def _heard_numbers(workload: PubSubWorkload, ps: PubSub, ledger: WriteLedger) -> AsyncIterator[HeardNumbers]:
    listeners = [Listener(ps, via, ledger) for via in range(ps.caller.gateways)]
    followers = [Follower(ps, "t.*")] if ps.capabilities.persistent else []
    tasks = [asyncio.create_task(each.listen()) for each in listeners]
    tasks += [asyncio.create_task(each.follow()) for each in followers]
    try:
        heard = HeardNumbers(workload, ledger, listeners, followers)
        await heard.listening()
        yield heard
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


WORKLOAD = PubSubWorkload
