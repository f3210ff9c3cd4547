"""What a group has in each state, as near as JetStream knows it: an estimate, right where nothing has expired."""

import time
from typing import Any, Final

from prism.backends.nats.queue.dead import peeked
from prism.backends.nats.queue.incoming import stored
from prism.backends.nats.queue.messages import Stored, read
from prism.backends.nats.queue.space import Space
from prism.sdk.queue.calls import Peeked
from prism.sdk.queue.rows import Entry, Group, State, Tally

_TIMEOUT: Final = 2.0


async def describe_group(space: Space, topic: str, name: str) -> tuple[Group, Tally]:
    """A group and its counts."""
    names = space.names
    member = await space.member(topic, name, fresh=True)
    group = member.group
    info, mine = group.info, names.topic(topic)
    _, of_topic = await space.catalogue.topic(topic, mine)
    _, of_redriven = await space.catalogue.topic(topic, names.redriven(topic, "*"))
    redriven = of_redriven["state"].get("subjects") or {}
    published = (of_topic["state"].get("subjects") or {}).get(mine, 0)
    scheduled = max(of_topic["state"]["messages"] - published - sum(redriven.values()), 0)
    total = published + redriven.get(names.redriven(topic, name), 0) - group.skipped
    dead = len(await space.dead.numbers(topic, name))
    counted = await space.state.counted(topic, name)
    known = await space.instances.flying(topic, name)
    flying = [each for each in known if each[1]]
    in_flight = min(len(flying), info["num_ack_pending"])
    nacked = min(len(known) - len(flying), info["num_ack_pending"] - in_flight)
    waiting, delayed = info["num_pending"] + info["num_ack_pending"] - in_flight - nacked, scheduled + nacked
    done = (
        total
        - info["num_pending"]
        - info["num_ack_pending"]
        - dead
        - counted.dead_removed
        - counted.expired
        - counted.redriven
    )
    consumers: dict[str, int] = {}
    for _, _, consumer, _ in flying:
        consumers[consumer] = consumers.get(consumer, 0) + 1
    acknowledged = max(done, 0)
    all_dead = dead + counted.dead_removed
    found = Group(
        0, name, group.config, epoch=group.epoch,
        offered=waiting + delayed + in_flight + acknowledged + all_dead + counted.expired,
        acknowledged=acknowledged, expired=counted.expired, dead_removed=counted.dead_removed,
    )  # fmt: skip
    oldest = await _oldest(space, topic, info) if waiting else 0
    return found, Tally(waiting, delayed, in_flight, dead, oldest, consumers)


async def _oldest(space: Space, topic: str, info: Any) -> int:
    """Microseconds since the first message was published that the group has not been given."""
    first = await _page(space, topic, info["delivered"]["stream_seq"], 1)
    return max(time.time_ns() // 1000 - first[0].stored_at, 0) if first else 0


async def _page(space: Space, topic: str, after: int, limit: int, subject: str = "") -> list[Stored]:
    names = space.names
    page = await space.pulls.read(names.stream(topic), subject or names.topic(topic), after + 1, limit, _TIMEOUT)
    return [stored(each) for each in page]


async def peek(
    space: Space, topic: str, name: str, want: tuple[State, bool | None], after: int, limit: int
) -> list[Peeked]:
    """Messages in one state; of those delayed the ones that were published so."""
    state, delayed = want
    member = await space.member(topic, name, fresh=True)
    if state is State.DEAD:
        return [peeked(each) for each in await space.dead.listed(member.group, after, limit)]
    if state is State.IN_FLIGHT:
        return await _flying(space, topic, name, after, limit)
    if delayed:
        page = await _page(space, topic, after, limit, space.names.delayed(topic))
    else:
        page = await _page(space, topic, max(after, member.group.info["delivered"]["stream_seq"]), limit)
    return [Peeked(Entry(0, each.seq, each.stored_at, 0), read(each)) for each in page]


async def _flying(space: Space, topic: str, name: str, after: int, limit: int) -> list[Peeked]:
    found = sorted(await space.instances.flying(topic, name))
    shown: list[Peeked] = []
    for seq, attempt, consumer, ends in found:
        if not attempt or seq <= after or len(shown) == limit:
            continue
        message = await space.publishing.stored(topic, seq)
        if message is not None:
            entry = Entry(0, seq, ends * 1000, 0, State.IN_FLIGHT, failed=attempt - 1, consumer=consumer)
            shown.append(Peeked(entry, read(message)))
    return shown
