"""Steps with a group: what an instance's consumers settle and claim goes to the store together, one step at a time."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from prism.backends.postgres.lane import Call, Lane
from prism.backends.postgres.queue import statements
from prism.context import Context
from prism.errors import GroupNotFound, TopicNotFound
from prism.interfaces import queue as q
from prism.sdk import Bounds
from prism.sdk.queue.calls import Claim, Delivery, Lease, Settlement, Verb, Want
from prism.sdk.queue.rows import Message

Key = tuple[str, str, str]
"""A namespace, a topic and a group."""

Fetch = Callable[..., Awaitable[Sequence[Any]]]

_BOUNDS = Bounds(calls=512, in_flight=1)
_VERBS = {Verb.NACK: 2, Verb.RELEASE: 3, Verb.EXTEND: 4, Verb.RESTART: 5}


class Settle(Call):
    """Deliveries that one caller settles."""

    __slots__ = ("settlements",)

    def __init__(self, settlements: Sequence[Settlement]) -> None:
        super().__init__()
        self.settlements = settlements


class Take(Call):
    """What one consumer claims."""

    __slots__ = ("want",)

    def __init__(self, want: Want) -> None:
        super().__init__()
        self.want = want


class Steps:
    """The steps of all groups.

    Args:
        fetch: runs a statement.
        woken: called with namespace and topic, how many and the group when a step has given others something to do.
        max_unsettled: most messages of a group in flight.
        listener: who we are to those who tell of changes.
    """

    def __init__(
        self, fetch: Fetch, woken: Callable[[tuple[str, str], int, str], None], max_unsettled: int, listener: int
    ) -> None:
        self._fetch = fetch
        self._woken = woken
        self._most = max_unsettled
        self._listener = listener
        self._lanes: dict[Key, Lane[Any, Any]] = {}

    async def settle(self, context: Context, key: Key, settlements: Sequence[Settlement]) -> list[float | None]:
        """The seconds left of each; see `QueueStore.settle`."""
        answer: list[float | None] = await self._call(context, key, Settle(settlements))
        return answer

    async def claim(self, context: Context, key: Key, want: Want) -> Claim:
        """What was leased."""
        answer: Claim = await self._call(context, key, Take(want))
        return answer

    async def _call(self, context: Context, key: Key, call: Call) -> Any:
        lane = self._lanes.get(key)
        if lane is None:

            async def run(calls: Sequence[Any]) -> Sequence[Any]:
                return await self._step(key, calls)

            lane = self._lanes[key] = Lane(run, _BOUNDS, reads=False)
        try:
            return await lane.call(context, call)
        finally:
            if not lane.waiting and not lane.in_flight and self._lanes.get(key) is lane:
                del self._lanes[key]
                lane.close()

    async def drain(self) -> None:
        """Waits until every call is answered."""
        for lane in list(self._lanes.values()):
            await lane.drain()

    async def _step(self, key: Key, calls: Sequence[Settle | Take]) -> Sequence[Any]:
        acks: dict[Lease, int] = {}
        others: list[Settlement] = []
        wants: list[Want] = []
        for call in calls:
            if isinstance(call, Take):
                wants.append(call.want)
                continue
            for each in call.settlements:
                if each.verb is Verb.ACKNOWLEDGE:
                    acks.setdefault(each.lease, len(acks))
                else:
                    others.append(each)
        rows = await self._fetch(statements.STEP, *self._arguments(key, [*acks], others, wants))
        left: list[float | None] = [None] * len(others)
        lost: set[int] = set()
        deliveries: list[list[Delivery]] = [[] for _ in wants]
        epoch, wait = 0, None
        for row in rows:
            match row[0]:
                case 3:
                    deliveries[row[1] - 1].append(_delivery(row))
                case 2:
                    left[row[1] - 1] = None if row[2] is None else row[2] / 1e6
                case 1:
                    lost.add(row[1] - 1)
                case 0:
                    epoch, wait = row[1], None if row[2] is None else row[2] / 1e6
                    if row[3]:
                        self._woken(key[:2], len(acks) + len(others) or 1, key[2])
                case missing:
                    raise not_found(-missing, key)
        ends, claims = iter(left), iter(deliveries)
        answers: list[Any] = []
        for call in calls:
            if isinstance(call, Take):
                answers.append(Claim(next(claims), epoch, wait))
            else:
                answers.append(
                    [
                        (None if acks[each.lease] in lost else 0.0) if each.verb is Verb.ACKNOWLEDGE else next(ends)
                        for each in call.settlements
                    ]
                )
        return answers

    def _arguments(
        self, key: Key, acks: Sequence[Lease], others: Sequence[Settlement], wants: Sequence[Want]
    ) -> Sequence[Any]:
        return (
            *(each.encode() for each in key),
            [each.seq for each in acks],
            [each.token for each in acks],
            [each.lease.seq for each in others],
            [each.lease.token for each in others],
            [_VERBS[each.verb] for each in others],
            [each.delay for each in others],
            [each.reason.encode() for each in others],
            [each.dead for each in others],
            [each.limit for each in wants],
            [each.max_bytes for each in wants],
            [each.at_least_one for each in wants],
            [each.consumer.encode() for each in wants],
            [each.session.encode() for each in wants],
            secrets.randbits(62),
            self._most,
            False,
            self._listener,
        )


def _delivery(row: Any) -> Delivery:
    _, _, left, seq, token, attempt, *columns = row
    return Delivery(Lease(seq, token), message(seq, *columns), attempt, left / 1e6)


def message(
    seq: int,
    size: int,
    due_at: int | None,
    ttl: int | None,
    key: bytes | None,
    message_id: str,
    published_at: int,
    trace: str | None,
    attributes: bytes | None,
    payload: bytes,
) -> Message:
    """A message of its columns."""
    return Message(
        0,
        message_id,
        payload,
        q.Message.FromString(attributes).attributes if attributes else {},
        key.decode() if key else "",
        published_at,
        due_at or seq,
        ttl or 0,
        0,
        trace or "",
        size,
        seq=seq,
    )


def not_found(status: int, key: Sequence[str]) -> TopicNotFound | GroupNotFound:
    """The error of a function that has found no topic (1) or no group (2)."""
    if status == 1:
        return TopicNotFound(f"topic {key[1]!r} does not exist; create it with CreateTopic")
    return GroupNotFound(f"topic {key[1]!r} has no group {key[2]!r}; create it with CreateGroup")
