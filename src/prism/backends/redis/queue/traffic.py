"""The steps that many callers take at a time: those that arrive while others are under way travel together.

What is asked of one group goes in one script, and so do the messages for one namespace.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from prism.backends.redis.commands.slot_migration import once_moved
from prism.backends.redis.data.scripts import Script
from prism.backends.redis.queue import scripts
from prism.backends.redis.queue.packing import delivery, lease_arguments, message_arguments
from prism.backends.redis.queue.steps import DEFAULT, Argument, Steps, refused
from prism.backends.redis.queue.wakeups import Seen
from prism.context import Context
from prism.errors import PrismError
from prism.sdk import Bounds, Coalescer, MessageIds
from prism.sdk.deadline import check_time
from prism.sdk.queue.calls import Claim, Outgoing, Published, Settlement, Verb, Want

WINDOW_MS: Final = 24 * 3_600_000
"""How long an idempotency key is remembered."""
_MAX_UNSETTLED: Final = 10_000
_LONGEST_WAIT: Final = 10.0
"""Seconds after which it is looked again, whatever was told or not."""
_BOUNDS: Final = Bounds(calls=128, size=4 << 20, in_flight=2)
_VERBS: Final = {
    Verb.ACKNOWLEDGE: b"A",
    Verb.NACK: b"N",
    Verb.RELEASE: b"R",
    Verb.EXTEND: b"E",
    Verb.RESTART: b"B",
}
T = TypeVar("T")
_Of = tuple[str, str, str]
"""Namespace, topic and group."""
_Publish = tuple[str, bool, Sequence[Outgoing]]
"""Namespace, whether topics make themselves, messages: all of them or none."""


class Traffic:
    """Publishes, claims and settlements.

    Args:
        steps: runs scripts.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._ids = MessageIds()
        self._publishes: Coalescer[_Publish, list[Published]] = Coalescer(self._publish_all, bounds=_BOUNDS)
        self._claims: Coalescer[tuple[_Of, Want], Claim] = Coalescer(self._claim_all, bounds=_BOUNDS)
        self._settlements: Coalescer[tuple[_Of, Sequence[Settlement]], list[float | None]] = Coalescer(
            self._settle_all, bounds=_BOUNDS
        )

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        for each in (self._publishes, self._claims, self._settlements):
            await each.drain()

    async def _once_moved(self, attempt: Callable[[], Awaitable[T]], context: Context) -> T:
        return await (attempt() if self._steps.server.spans_slots else once_moved(attempt, context))

    async def publish(self, context: Context, messages: Sequence[Outgoing], *, create: bool) -> list[Published]:
        """See QueueStore."""
        check_time(context, writes=True)
        call, size = (context.namespace, create, messages), sum(each.size for each in messages)
        return await self._once_moved(lambda: self._publishes.submit(context.namespace, call, size=size), context)

    async def _publish_all(self, calls: Sequence[_Publish]) -> list[list[Published] | Exception]:
        groups: dict[tuple[str, bool], list[int]] = {}
        for index, (namespace, create, _) in enumerate(calls):
            groups.setdefault((namespace, create), []).append(index)
        commands = []
        for (namespace, create), members in groups.items():
            arguments: list[Argument] = [DEFAULT if create else b"", WINDOW_MS, len(members)]
            for index in members:
                arguments += self.arguments(calls[index][2])
            commands.append(self._steps.command(scripts.PUBLISH, namespace, *arguments))
        answers = await self._steps.server.run(commands, writes=True)
        found: list[list[Published] | Exception] = [[]] * len(calls)
        for (namespace, _), members, answer in zip(groups, groups.values(), answers, strict=True):
            try:
                count = sum(len(calls[index][2]) for index in members)
                (outcomes,) = self._steps.understood(namespace, answer, count)
            except PrismError as error:
                for index in members:
                    found[index] = error
                continue
            for index, (code, *rest) in zip(members, outcomes, strict=True):
                if code:
                    found[index] = refused(code, rest)
                else:
                    found[index] = [Published(each.decode(), bool(again)) for each, again in rest[0]]
        return found

    def arguments(self, messages: Sequence[Outgoing]) -> list[Argument]:
        """Messages as the scripts take them."""
        arguments: list[Argument] = [len(messages)]
        for each in messages:
            arguments += message_arguments(each, self._ids.next())
        return arguments

    async def claim(self, context: Context, topic: str, group: str, want: Want) -> Claim:
        """See QueueStore. Where nothing is wanted, or to be had, by what was seen before, Redis is not asked."""
        seen = self._steps.wakeups.seen((context.namespace, topic), group)
        if seen is not None:
            left = seen.until - asyncio.get_running_loop().time()
            if not want.limit or left > 0:
                return Claim((), seen.epoch, left if left > 0 else None)
        call = ((context.namespace, topic, group), want)
        return await self._once_moved(lambda: self._claims.submit(context.namespace, call), context)

    async def _claim_all(self, calls: Sequence[tuple[_Of, Want]]) -> list[Claim | Exception]:
        wakeups = self._steps.wakeups
        looks = {of: wakeups.look(of[:2]) for of, _ in calls}
        now = asyncio.get_running_loop().time()

        def arguments(want: Want) -> Sequence[Argument]:
            room = max(want.max_bytes, 0)
            return (want.limit, room, int(want.at_least_one), want.consumer, want.session)

        def understood(of: _Of, answer: Sequence[Any], members: Sequence[Want]) -> list[Claim]:
            epoch, deadline, wait, claims = answer
            pause = _LONGEST_WAIT if wait < 0 else min(wait / 1e6, _LONGEST_WAIT)
            assert len(claims) == len(members)  # noqa: S101  # a defect, not an input
            wakeups.learn(of[:2], of[2], looks.pop(of), Seen(epoch, now + pause if wait else 0.0))
            return [Claim([delivery(epoch, deadline / 1e6, each) for each in claim], epoch, pause) for claim in claims]

        try:
            return await self._together(calls, scripts.CLAIM, (_MAX_UNSETTLED,), arguments, understood)
        finally:
            for of, look in looks.items():
                wakeups.learn(of[:2], of[2], look, None)

    async def settle(
        self, context: Context, topic: str, group: str, settlements: Sequence[Settlement]
    ) -> list[float | None]:
        """See QueueStore."""
        check_time(context, writes=True)
        call = ((context.namespace, topic, group), settlements)
        return await self._once_moved(lambda: self._settlements.submit(context.namespace, call), context)

    async def _settle_all(
        self, calls: Sequence[tuple[_Of, Sequence[Settlement]]]
    ) -> list[list[float | None] | Exception]:
        def arguments(settlements: Sequence[Settlement]) -> list[Argument]:
            found: list[Argument] = [len(settlements)]
            for each in settlements:
                found += (_VERBS[each.verb], *lease_arguments(each.lease))
                if each.verb is Verb.NACK:
                    found += ("" if each.delay is None else each.delay, each.reason, int(each.dead))
            return found

        def understood(_: _Of, answer: Sequence[Any], members: Sequence[Any]) -> list[list[float | None]]:
            (answered,) = answer
            assert len(answered) == len(members)  # noqa: S101  # a defect, not an input
            return [[None if each < 0 else each / 1e6 for each in some] for some in answered]

        first = (f"{random.random():.6f}", _MAX_UNSETTLED)  # noqa: S311  # spreads load, guards nothing
        return await self._together(calls, scripts.SETTLE, first, arguments, understood)

    async def _together(
        self,
        calls: Sequence[tuple[_Of, Any]],
        script: Script,
        first: Sequence[Argument],
        arguments: Callable[[Any], Sequence[Argument]],
        understood: Callable[[_Of, Sequence[Any], Sequence[Any]], list[Any]],
    ) -> list[Any]:
        """Runs one script for each group that is asked about."""
        groups: dict[_Of, list[int]] = {}
        for index, (of, _) in enumerate(calls):
            groups.setdefault(of, []).append(index)
        commands = []
        for (namespace, topic, group), members in groups.items():
            asked: list[Argument] = [topic, group, *first, len(members)]
            for index in members:
                asked += arguments(calls[index][1])
            commands.append(self._steps.command(script, namespace, *asked))
        answers = await self._steps.server.run(commands, writes=True)
        found: list[Any] = [None] * len(calls)
        for (of, members), answer in zip(groups.items(), answers, strict=True):
            try:
                code, *rest = self._steps.understood(of[0], answer, len(members))
                if code:
                    raise refused(code, rest, *of[1:])
                each = understood(of, rest, [calls[index][1] for index in members])
            except PrismError as error:
                each = [error] * len(members)
            for index, one in zip(members, each, strict=True):
                found[index] = one
        return found
