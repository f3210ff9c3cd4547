"""Queue groups: each message to one member, and to everybody without a group."""

import asyncio

from prism.acceptance.suites.pubsub.dsl import Listening, PubSub

MESSAGES = 60
WORKERS = "w\u00f6rkers \U0001f600.*"


async def shares(ps: PubSub, members: list[Listening], count: int) -> list[list[str]]:
    """What each member got of `count` messages, once all have come."""
    taken: list[list[str]] = [[] for _ in members]
    left = count
    whole = asyncio.Event()

    async def take(member: Listening, own: list[str]) -> None:
        nonlocal left
        while True:
            own.append((await member.next()).topic)
            left -= 1
            if not left:
                whole.set()

    tasks = [asyncio.create_task(take(member, own)) for member, own in zip(members, taken, strict=True)]
    await asyncio.wait((*tasks, end := asyncio.create_task(whole.wait())), return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    for task in (*tasks, end):
        task.cancel()
    await asyncio.wait(tasks)
    return taken


async def test_a_group_shares_its_messages(ps: PubSub) -> None:
    """CONTRACT, PubSub: same queue group: each message to one member; no group: to all. Members may be anywhere."""
    ps.needs("queue_groups")
    sent = sorted(f"t.{number:02}" for number in range(MESSAGES))
    async with (
        ps.listening("t.*", WORKERS, via=0) as one,
        ps.listening("t.>", WORKERS, via=1) as other,
        ps.listening("t.*", "audit", via=1) as audit,
        ps.listening("t.*") as everybody,
    ):
        for number, topic in enumerate(sent):
            await ps.publish(topic, via=number)
        first, second = await shares(ps, [one, other], MESSAGES)
        assert sorted(first + second) == sent
        for whole in (audit, everybody):
            assert sorted([(await whole.next()).topic for _ in sent]) == sent


async def test_groups_of_other_namespaces_are_others(ps: PubSub) -> None:
    """CONTRACT, PubSub: a group shares within its namespace only."""
    ps.needs("queue_groups")
    other = ps.elsewhere()
    async with ps.listening(">", "g") as ours, other.listening(">", "g") as theirs:
        for number in range(10):
            await ps.publish(f"t.{number}")
            await other.publish(f"t.{number}")
        expected = sorted(f"t.{number}" for number in range(10))
        assert await ps.heard(ours, 10) == await other.heard(theirs, 10) == expected
