"""A subscription to what persists: it goes on where it stood, whatever breaks, and says what is kept no longer."""

import asyncio
from datetime import UTC, datetime

import pytest

from client.upstream import Fault, Upstream
from prism.client import BackendUnavailable, GatewayUnavailable, MessagesLost, PositionExpired, PrismError, PubSub


@pytest.mark.parametrize("broken_after", [0, 1, 2, 3])
@pytest.mark.parametrize("error", [BackendUnavailable("reloaded"), MessagesLost("gone"), GatewayUnavailable("drains")])
async def test_it_resumes_where_it_stood(
    events: PubSub, upstream: Upstream, error: PrismError, broken_after: int
) -> None:
    """CONTRACT, PubSub that persists 6: nothing is skipped, repeated or reported, wherever its stream breaks."""
    for number in range(3):
        await events.publish("t", b"%d" % number)
    upstream.faults += [Fault(error, messages=broken_after), Fault(error, messages=1)]
    async with events.subscribe("t", start="earliest") as messages:
        found = [(await anext(messages)).payload for _ in range(3)]
        await events.publish("t", b"3")
        found.append((await anext(messages)).payload)
    assert found == [b"0", b"1", b"2", b"3"]
    assert messages.gaps == 0
    assert upstream.methods().count("Subscribe") == 3


async def test_from_now_on_means_from_when_it_is_in_place(events: PubSub, upstream: Upstream) -> None:
    """What is published while its stream is broken comes, though it began with what is new."""
    await events.publish("t", b"before")
    async with events.subscribe("t", start="now") as messages:
        began = messages.position
        assert began
        await upstream.close()
        await upstream.listen(upstream.address)
        await events.publish("t", b"meanwhile")
        message = await anext(messages)
        assert (message.payload, message.position, messages.gaps) == (b"meanwhile", messages.position, 0)
    async with events.subscribe("t", start=began) as again:
        assert (await anext(again)).payload == b"meanwhile"


async def test_an_expired_position_is_not_tried_again(events: PubSub, upstream: Upstream) -> None:
    """CONTRACT, PubSub that persists 5: the client does not retry it."""
    upstream.faults += [Fault(PositionExpired("kept no longer"))]
    with pytest.raises(PositionExpired):
        async with events.subscribe("t", start="earliest"):
            pass
    assert upstream.methods() == ["Subscribe"]


async def test_what_a_start_may_be(events: PubSub) -> None:
    """A time needs a zone; another word is refused before anything is sent."""
    with pytest.raises(ValueError, match="time zone"):
        events.subscribe("t", start=datetime(2030, 1, 1))  # noqa: DTZ001  # that is the mistake
    with pytest.raises(ValueError, match="'latest' is none of"):
        events.subscribe("t", start="latest")  # type: ignore[arg-type]  # that is the mistake
    since = datetime.now(UTC)
    await asyncio.sleep(0.001)
    await events.publish("t", b"1")
    async with events.subscribe("t", start=since) as messages:
        assert (await anext(messages)).payload == b"1"
