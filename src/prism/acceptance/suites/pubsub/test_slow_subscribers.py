"""Back-pressure from end to end: a reader that is too slow gets a GAP, and harms no other."""

import asyncio

from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.pubsub.dsl import PubSub
from prism.errors import FellBehind
from prism.wire.grpc.status import Code

PAYLOAD = bytes(1 << 19)
AT_ONCE = 4
LARGE = 120
"""So many payloads are more than any buffer on the way holds: the gateway's own, windows, sockets."""


def _needs_large(ps: PubSub) -> None:
    if ps.capabilities.max_item_size < len(PAYLOAD):
        not_applicable("no payload is so large that buffers would be full")


async def test_a_slow_subscriber_ends_with_a_gap(ps: PubSub) -> None:
    """CONTRACT, PubSub: it gets what was buffered, then GAP with the count; a fast one beside it misses nothing."""
    _needs_large(ps)
    async with ps.listening("t.>", via=0) as slow, ps.listening("t.>", via=0) as fast:
        for number in range(0, LARGE, AT_ONCE):
            topics = [f"t.{each:03}" for each in range(number, number + AT_ONCE)]
            await asyncio.gather(*(ps.publish(topic, PAYLOAD) for topic in topics))
            assert sorted([(await fast.next()).topic for _ in topics]) == topics
        # What comes after them all has come to the fast one: then all have come to the slow one, and perhaps this one.
        await ps.publish("t.last")
        assert (await fast.next()).topic == "t.last"
        taken, error = await slow.rest()
        await ps.publish("t.after")
        assert (await fast.next()).topic == "t.after"
    assert isinstance(error, FellBehind), error
    assert (error.code, error.reason) == (Code.RESOURCE_EXHAUSTED, "GAP")
    assert 0 < len(taken) < LARGE
    assert len(taken) + int(error.metadata["missed"]) in (LARGE, LARGE + 1)
    assert len({message.topic for message in taken}) == len(taken)


async def test_it_may_subscribe_again(ps: PubSub) -> None:
    """CONTRACT, PubSub: a subscriber that fell behind is as good as new with its next subscription."""
    _needs_large(ps)
    for _ in range(2):
        async with ps.listening("t") as slow:
            for _ in range(0, LARGE, AT_ONCE):
                await asyncio.gather(*(ps.publish("t", PAYLOAD) for _ in range(AT_ONCE)))
            _, error = await slow.rest()
            assert isinstance(error, FellBehind)
    async with ps.listening("t") as again:
        await ps.publish("t", b"fresh")
        assert (await again.next()).payload == b"fresh"
