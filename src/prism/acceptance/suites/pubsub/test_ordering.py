"""Ordering keys: messages of one keep their order."""

import asyncio

from prism.acceptance.suites.pubsub.dsl import PubSub


async def test_messages_of_a_key_keep_their_order(ps: PubSub) -> None:
    """proto, ordering_key: each published after the one before was acknowledged, on whatever topics and gateways."""
    ps.needs("ordering")

    async def talk(key: str) -> None:
        for number in range(40):
            await ps.publish(f"t.{number % 3}", f"{key} {number}".encode(), ordering_key=key, via=number)

    keys = ["red", "green", "blue"]
    async with ps.listening() as one, ps.listening("t.*", via=1) as other:
        await asyncio.gather(*map(talk, keys))
        for messages in (one, other):
            found = [(await messages.next()).payload.decode() for _ in range(40 * len(keys))]
            for key in keys:
                assert [each for each in found if each.startswith(key)] == [f"{key} {number}" for number in range(40)]
