"""What operators do to groups: a Seek makes a durable anew, for JetStream moves none; the dead go back, or away."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prism.backends.nats.queue.catalogue import Group
from prism.backends.nats.queue.space import Space
from prism.errors import Conflict
from prism.sdk.queue.calls import Start


async def move_group(space: Space, topic: str, name: str, start: Start) -> int:
    """Moves a group; how many messages it has before it."""
    group = (await space.member(topic, name, fresh=True)).group
    made = await _anew(space, group, start)
    await space.instances.tell(topic)
    if start.latest:
        return 0
    dead = set(await space.dead.numbers(topic, name))
    first = made.info["delivered"]["stream_seq"] + 1
    ahead: int = int(made.info["num_pending"]) - sum(each >= first for each in dead)
    return max(0, ahead)


async def _anew(space: Space, group: Group, start: Start) -> Group:
    """Another durable for a group: what was in flight in the one before is nothing any more."""
    names, topic = space.names, group.topic
    await space.jetstream.ask(f"STREAM.PURGE.{group.stream}", {"filter": names.redriven(topic, group.name)})
    made = await space.catalogue.create_group(topic, group.name, start, group.config, epoch=group.epoch + 1)
    if made is None:
        raise Conflict("the group is moved by another call at the same time; try again")
    await space.catalogue.delete_group(group)
    await space.state.forget(*names.of_group(topic, group.name))
    return made


async def purge(space: Space, topic: str) -> int:
    """Removes the messages of a topic; the dead stay."""
    groups = await space.catalogue.groups(topic)
    answer: Any = await space.jetstream.ask(f"STREAM.PURGE.{space.names.stream(topic)}")
    for group in groups.values():
        await _anew(space, group, Start(latest=True))
    await space.instances.tell(topic)
    return int(answer["purged"])


async def redrive(space: Space, topic: str, name: str, message_ids: Sequence[str], limit: int) -> int:
    """Brings the dead back, as attempt 1; how many."""
    group = (await space.member(topic, name)).group
    count = 0
    async for message in space.dead.chosen(group, message_ids, limit):
        await space.dead.redrive(group, message)
        count += 1
    if count:
        await space.count(group, lambda before: replace(before, redriven=before.redriven + count))
    return count


async def discard(space: Space, topic: str, name: str, message_ids: Sequence[str], limit: int) -> int:
    """Removes the dead; how many."""
    group = (await space.member(topic, name)).group
    count = 0
    async for message in space.dead.chosen(group, message_ids, limit):
        await space.dead.remove(group, message)
        count += 1
    if count:
        await space.count(group, lambda before: replace(before, dead_removed=before.dead_removed + count))
    return count
