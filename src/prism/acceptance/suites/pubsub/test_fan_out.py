"""Many who publish and listen at once: each message once to each, with an id of its own, as subscribers come and go."""

import asyncio

from prism.acceptance.suites.pubsub.dsl import Listening, PubSub

PUBLISHERS = 16
EACH = 10


async def test_many_publish_to_many(ps: PubSub) -> None:
    """CONTRACT, PubSub: fan-out: of many publishers at once each subscription gets every message, and gets it once."""
    sent = sorted(f"t.{who}.{number}" for who in range(PUBLISHERS) for number in range(EACH))

    async def talk(who: int) -> None:
        for number in range(EACH):
            await ps.publish(f"t.{who}.{number}", via=who)

    async def hear(messages: Listening) -> list[str]:
        return sorted([(await messages.next()).topic for _ in sent])

    async with ps.listening("t.>", via=0) as one, ps.listening("t.>", via=1) as other, ps.listening("t.*.*") as third:
        found, *_ = await asyncio.gather(
            asyncio.gather(*map(hear, (one, other, third))), *(talk(who) for who in range(PUBLISHERS))
        )
    assert found == [sent, sent, sent]


async def test_ids_are_never_given_twice(ps: PubSub) -> None:
    """proto, message_id: of no two messages alike, through whichever gateway."""
    ids = await asyncio.gather(*(ps.publish("t", via=number) for number in range(200)))
    assert len(set(ids)) == len(ids)


async def test_a_subscriber_that_leaves_harms_no_other(ps: PubSub) -> None:
    """CONTRACT, PubSub: subscriptions come and go beside one that stays, and it misses nothing."""
    async with ps.listening("t.*") as staying:
        for number in range(20):
            async with ps.listening("t.*") as leaving:
                await ps.publish(f"t.{number}")
                assert (await leaving.next()).topic == f"t.{number}"
        assert sorted([(await staying.next()).topic for _ in range(20)]) == sorted(f"t.{each}" for each in range(20))
