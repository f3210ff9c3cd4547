"""Rule 12: topics and groups, how they are made and where they stay."""

import asyncio

from prism.acceptance.dsl import duration
from prism.acceptance.suites.queue.dsl import Queue
from prism.errors import AlreadyExists, GroupNotFound, InvalidArgument, TopicNotFound
from prism.interfaces import queue as q

LATEST = q.Start(latest={})


async def test_start_counts_at_creation_only(queue: Queue) -> None:
    """CONTRACT, Queue 12: a group starts where it is told to, once: EARLIEST, LATEST or at a time."""
    queue.needs("receive")
    await queue.publish(b"before")
    await queue.group("early")
    await queue.group("late", start=LATEST)
    await queue.publish(b"after")
    assert [each.payload for each in await queue.receive(10, "late")] == [b"after"]
    await queue.group("late")
    await queue.nothing("late")
    assert [each.payload for each in await queue.receive(10, "early")] == [b"before", b"after"]


async def test_a_group_stays_where_it_is(queue: Queue) -> None:
    """CONTRACT, Queue 12: what is acknowledged stays so; a deleted group that is made anew begins anew."""
    queue.needs("receive")
    await queue.group()
    await queue.publish(b"one")
    await queue.ack(await queue.one())
    await queue.nothing()
    assert (await queue.call("DeleteGroup", q.DeleteGroupRequest(topic="t", group="g"))).existed
    assert not (await queue.call("DeleteGroup", q.DeleteGroupRequest(topic="t", group="g"))).existed
    await queue.group()
    assert (await queue.one()).payload == b"one"


async def test_an_idle_group_expires_where_it_is_to(queue: Queue) -> None:
    """CONTRACT, Queue 12: expire_after_idle is never unless it is set."""
    await queue.group("kept")
    answer = await queue.call("DescribeGroup", q.DescribeGroupRequest(topic="t", group="kept"))
    assert answer.config.expire_after_idle == duration(0.0)
    assert answer.config.ack_deadline == duration(30.0)
    assert (answer.config.max_attempts, answer.config.max_lease) == (5, duration(3600.0))


async def test_what_is_missing_is_not_found(queue: Queue) -> None:
    """CONTRACT, Queue: a topic or group that is missing is NOT_FOUND, TOPIC_NOT_FOUND or GROUP_NOT_FOUND."""
    await queue.refused(TopicNotFound, "DescribeTopic", q.DescribeTopicRequest(topic="t"))
    await queue.refused(TopicNotFound, "DescribeGroup", q.DescribeGroupRequest(topic="t", group="g"))
    await queue.publish()
    await queue.refused(GroupNotFound, "DescribeGroup", q.DescribeGroupRequest(topic="t", group="g"))
    await queue.refused(GroupNotFound, "Seek", q.SeekRequest(topic="t", group="g", to=LATEST))


async def test_creating_again(queue: Queue) -> None:
    """CONTRACT, Queue: what exists with this configuration is no error, with another one ALREADY_EXISTS."""
    topic = q.CreateTopicRequest(topic="t", config=q.TopicConfig(retention=duration(60.0)))
    assert (await queue.call("CreateTopic", topic)).created
    assert not (await queue.call("CreateTopic", topic)).created
    await queue.refused(AlreadyExists, "CreateTopic", q.CreateTopicRequest(topic="t"))
    await queue.group(max_attempts=3)
    await queue.group(max_attempts=3)
    await queue.refused(AlreadyExists, "CreateGroup", q.CreateGroupRequest(topic="t", group="g"))
    config = q.GroupConfig(max_attempts=4)
    answer = await queue.call("UpdateGroup", q.UpdateGroupRequest(topic="t", group="g", config=config))
    assert (answer.config.max_attempts, answer.config.ack_deadline) == (4, duration(30.0))
    short = q.GroupConfig(ack_deadline=duration(queue.capabilities.min_ack_deadline / 2))
    await queue.refused(InvalidArgument, "UpdateGroup", q.UpdateGroupRequest(topic="t", group="g", config=short))


async def test_names_are_kept_apart(queue: Queue) -> None:
    """CONTRACT, Queue: names are encoded so that two never become one; lists are pages in byte order."""
    queue.needs("receive")
    names = ["a", "a.b", "a/b", "a:b", "A", "\u00fc", "t" * 512, "a b", "a%2Fb", "*"]
    await asyncio.gather(*(queue.publish(name.encode(), name) for name in names))
    found: list[str] = []
    cursor = b""
    while not found or cursor:
        answer = await queue.call("ListTopics", q.ListTopicsRequest(limit=3, cursor=cursor))
        found += answer.topics
        cursor = answer.next_cursor
    assert found == sorted(names, key=str.encode)
    for name in names:
        await queue.group(topic=name)
        assert (await queue.one(topic=name)).payload == name.encode()
    other = queue.elsewhere()
    assert list((await other.call("ListTopics", q.ListTopicsRequest())).topics) == []
    for name in ("b", "a", "c"):
        await queue.group(name)
    listed = await queue.call("ListGroups", q.ListGroupsRequest(topic="t", limit=2))
    assert list(listed.groups) == ["a", "b"]


async def test_a_paused_group_gets_nothing(queue: Queue) -> None:
    """proto, QueueGroupConfig: nothing is delivered while a group is paused."""
    queue.needs("receive")
    await queue.group(paused=True)
    await queue.publish()
    await queue.nothing(wait=0.1)
    config = q.GroupConfig(paused=False)
    waiting = asyncio.create_task(queue.receive())
    await queue.call("UpdateGroup", q.UpdateGroupRequest(topic="t", group="g", config=config))
    assert len(await waiting) == 1
