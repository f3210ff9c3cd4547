"""PubSub that persists: a subscription begins in the past, and goes on where it stood. The rules by their numbers."""

import asyncio
from collections import Counter

import pytest

from prism.acceptance.callers.caller import TIMEOUT, UNTYPED
from prism.acceptance.dsl import moment
from prism.acceptance.suites.pubsub.dsl import EARLIEST, NOW, Following, PubSub
from prism.errors import InvalidArgument, PositionExpired
from prism.interfaces import pubsub as contract

PUBLISHERS = 6
EACH = 30
SKIP = contract.OnGap.PUB_SUB_ON_GAP_SKIP
GAP, PROGRESS = contract.Kind.PUB_SUB_KIND_GAP, contract.Kind.PUB_SUB_KIND_PROGRESS


async def publish_many(ps: PubSub, publisher: int) -> None:
    """Messages of one ordering key, each after the one before, through every gateway, to some topics."""
    for number in range(EACH):
        key = f"k{publisher}" if ps.capabilities.ordering else ""
        await ps.publish(f"t.{publisher % 3}.{number % 5}", b"%d/%d" % (publisher, number), ordering_key=key)


def check_whole(payloads: list[bytes], *, ordered: bool) -> None:
    """Each message once, and those of one key in their order."""
    assert Counter(payloads) == Counter(b"%d/%d" % (one, each) for one in range(PUBLISHERS) for each in range(EACH))
    if ordered:
        for publisher in range(PUBLISHERS):
            mine = [payload for payload in payloads if payload.startswith(b"%d/" % publisher)]
            assert mine == [b"%d/%d" % (publisher, each) for each in range(EACH)]


async def expire(ps: PubSub, position: bytes) -> None:
    """Publishes until retention has passed a position."""
    payload = bytes(ps.capabilities.max_item_size)
    async with asyncio.timeout(TIMEOUT):
        while True:
            await ps.publish("others.large", payload)
            try:
                async with ps.following(position):
                    pass
            except PositionExpired:
                return


@UNTYPED
async def test_it_says_where_it_stands(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 1: PROGRESS comes first, and again with nothing to send."""
    ps.needs("persistent")
    async with ps.following(pattern="rare") as rare:
        began = rare.position
        assert (await rare.answer()).kind == PROGRESS
        await ps.publish("others")
        async with asyncio.timeout(TIMEOUT):
            while rare.position == began:
                assert (await rare.answer()).kind == PROGRESS
    await ps.publish("rare", b"it")
    async with ps.following(rare.position, "rare") as rare:
        assert (await rare.next()).payload == b"it"


@UNTYPED
async def test_a_rare_pattern_stays_within_retention(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 1: the positions of PROGRESS are kept, where one from before has expired."""
    ps.needs("persistent")
    async with ps.following() as other, ps.following(pattern="rare") as rare:
        expiring = asyncio.create_task(expire(ps, other.position))
        while not expiring.done():
            assert (await rare.answer()).kind == PROGRESS
        await expiring
        for _ in range(2):  # one may have been on its way; the next one is of after that
            assert (await rare.answer()).kind == PROGRESS
    await ps.publish("rare", b"it")
    async with ps.following(rare.position, "rare") as rare:
        assert (await rare.next()).payload == b"it"


async def test_resuming_neither_skips_nor_repeats(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 2: through any gateway, over all topics, while publishers commit."""
    ps.needs("persistent")
    async with ps.following(pattern="t.>") as first:
        position = first.position
    publishing = [asyncio.create_task(publish_many(ps, publisher)) for publisher in range(PUBLISHERS)]
    found: list[bytes] = []
    while len(found) < PUBLISHERS * EACH:
        most = min(7, PUBLISHERS * EACH - len(found))
        async with ps.following(position, "t.>", via=len(found)) as messages:
            found += await messages.payloads(most)
            position = messages.position
    await asyncio.gather(*publishing)
    check_whole(found, ordered=ps.capabilities.ordering)
    await ps.publish("t.last", b"last")
    async with ps.following(position, "t.>") as messages:
        assert await messages.payloads(1) == [b"last"]


async def test_no_seam_between_history_and_live(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 3: who begins in the past gets all of it, and what comes meanwhile, once."""
    ps.needs("persistent")
    publishing = [asyncio.create_task(publish_many(ps, publisher)) for publisher in range(PUBLISHERS)]

    async def read(via: int) -> list[bytes]:
        await asyncio.sleep(0.01 * via)  # each begins elsewhere in the stream of messages
        async with ps.following(EARLIEST, "t.>", via=via) as messages:
            return await messages.payloads(PUBLISHERS * EACH)

    for found in await asyncio.gather(*map(read, range(4))):
        check_whole(found, ordered=ps.capabilities.ordering)
    await asyncio.gather(*publishing)


async def test_a_slow_reader_lags_and_slows_nobody(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 4: it is not ended, however far behind, and harms no other."""
    ps.needs("persistent")
    payload = bytes(128 << 10)
    async with ps.following(via=0) as slow, ps.following(via=0) as fast:
        for number in range(0, 80, 4):
            await asyncio.gather(*(ps.publish("t", b"%d:" % each + payload) for each in range(number, number + 4)))
            quick = [each.partition(b":")[0] for each in await fast.payloads(4)]
            assert sorted(map(int, quick)) == [*range(number, number + 4)]
        late = [int(each.partition(b":")[0]) for each in await slow.payloads(80)]
        assert sorted(late) == [*range(80)]
        await ps.publish("t", b"now")
        assert await slow.payloads(1) == await fast.payloads(1) == [b"now"]


@UNTYPED
async def test_what_retention_has_passed(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 5: FAIL ends with OUT_OF_RANGE; SKIP says GAP and goes on with the earliest."""
    ps.needs("persistent")
    async with ps.following() as messages:
        position = messages.position
    await expire(ps, position)
    request = contract.SubscribeRequest(topic_pattern=">", start=contract.Start(position=position))
    assert (await ps.refused(PositionExpired, "Subscribe", request)).reason == "POSITION_EXPIRED"
    request.on_gap = SKIP
    answers = Following(ps.open("Subscribe", request), position)
    assert (await answers.answer()).kind == GAP
    assert (await answers.answer()).kind == PROGRESS
    begins = answers.position
    first = await answers.next()
    async with ps.following(begins) as messages, ps.following(EARLIEST) as earliest:
        assert (await messages.next()).message_id == (await earliest.next()).message_id == first.message_id


@UNTYPED
async def test_whose_a_position_is(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 7: one of another namespace or pattern, or forged, is INVALID_ARGUMENT."""
    ps.needs("persistent")
    async with ps.following(pattern="t.>") as messages:
        position = messages.position
    forged = bytes([*position[:-1], position[-1] ^ 1])
    cases = ((ps, "t.*", position), (ps.elsewhere(), "t.>", position), (ps, "t.>", forged), (ps, "t.>", b"\x01"),
             (ps, "t.>", b""), (ps, "t.>", bytes(1025)))  # fmt: skip
    for where, pattern, given in cases:
        start = contract.Start(position=given)
        request = contract.SubscribeRequest(topic_pattern=pattern, start=start)
        error = await where.refused(InvalidArgument, "Subscribe", request)
        assert [violation.field for violation in error.violations] == ["start.position"]
    async with ps.following(position, "t.>"):
        pass


async def test_order_in_history(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 8: order by key, in history too."""
    ps.needs("persistent", "ordering")
    await asyncio.gather(*(publish_many(ps, publisher) for publisher in range(PUBLISHERS)))
    async with ps.following(EARLIEST, "t.>") as messages:
        check_whole(await messages.payloads(PUBLISHERS * EACH), ordered=True)


async def test_where_it_begins(ps: PubSub) -> None:
    """proto, PubSubStart: now, a time, the earliest; a message is as it was published."""
    ps.needs("persistent")
    await ps.publish("t.1", b"1")
    async with ps.following(EARLIEST) as messages:
        first = await messages.next()
        assert (first.topic, first.payload) == ("t.1", b"1")
    await asyncio.sleep(0.01)
    message_id = await ps.publish("t.2", b"2", {"a": "b"})
    async with ps.following(EARLIEST, "t.2") as messages:
        second = await messages.next()
    assert (second.topic, second.payload, dict(second.attributes)) == ("t.2", b"2", {"a": "b"})
    assert second.message_id == message_id
    at = second.published_at.ToMicroseconds()
    for start, expected in (
        (contract.Start(time=second.published_at), b"2"),
        (contract.Start(time=moment(at / 1e6 - 0.005)), b"2"),
        (contract.Start(time=moment(1.0)), b"1"),
        (contract.Start(time=moment(at / 1e6 + 3600)), b"3"),
        (NOW, b"3"),
    ):
        async with ps.following(start) as messages:
            if expected == b"3":
                await ps.publish("t.3", b"3")
            assert await messages.payloads(1) == [expected], start


@UNTYPED
async def test_it_is_not_shared(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists: not with a queue group; a start says where."""
    ps.needs("persistent", "queue_groups")
    request = contract.SubscribeRequest(topic_pattern=">", queue_group="g", start=NOW)
    error = await ps.refused(InvalidArgument, "Subscribe", request)
    assert [violation.field for violation in error.violations] == ["queue_group"]


@UNTYPED
async def test_without_start_nothing_has_changed(ps: PubSub) -> None:
    """CONTRACT, PubSub: a subscription without `start` gets messages alone, and none of what was before."""
    ps.needs("persistent")
    await ps.publish("t", b"before")
    async with ps.listening() as messages:
        await ps.publish("t", b"now")
        message = await messages.next()
    assert (message.payload, message.position, message.kind) == (b"now", b"", 0)


@pytest.mark.ways("client")
async def test_the_client_hands_a_gap_to_its_caller(ps: PubSub) -> None:
    """CONTRACT, PubSub that persists 6: GAP goes to `on_gap`; see tests of the client for how it resumes."""
    ps.needs("persistent")
    async with ps.following() as messages:
        position = messages.position
    await expire(ps, position)
    with pytest.raises(PositionExpired):
        async with ps.following(position, on_gap=SKIP) as messages:
            await messages.next()
