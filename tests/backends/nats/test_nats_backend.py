"""What PubSub on NATS adds to the contract: its bounds, its server's limits, other clients, its end."""

import asyncio

import nats
import pytest

from backends.nats.listening import Backends
from prism.errors import BackendCredentials, BackendUnavailable, FellBehind, InvalidArgument, Outcome


async def test_a_message_keeps_everything(backends: Backends) -> None:
    """Whatever the topic and the attributes hold, and through whichever backend."""
    one, other = await backends.start(), await backends.start()
    attributes = {
        "": "nameless",
        "Nats-Rollup": "all",
        "a b": " \r\nNats-Msg-Id: x",
        "\u00fc": "\u00e9%41",
        "Prism-Message": "x",
    }
    async with other.subscribed() as messages:
        message_id = await one.publish("a b.*c.\u00fc.%41", b"\0\xff", **attributes)
        message = await messages.next()
    assert (message.topic, message.payload) == ("a b.*c.\u00fc.%41", b"\0\xff")
    assert dict(message.attributes) == attributes
    assert message.message_id == message_id
    assert message.published_at.seconds


async def test_subscribed_is_subscribed(backends: Backends) -> None:
    """What is published right after a subscription is established is there, a hundred times over."""
    one, other = await backends.start(), await backends.start()
    for number in range(100):
        async with other.subscribed(f"t{number}") as messages:
            await one.publish(f"t{number}")
            assert await messages.topics(1) == [f"t{number}"]
    assert other.backend.metrics()["subscriptions"] == 0


@pytest.mark.parametrize("bounds", [{"buffer_messages": 4}, {"buffer_bytes": 4000}])
async def test_a_slow_subscriber_ends_with_the_count(backends: Backends, bounds: dict[str, int]) -> None:
    """By messages or by bytes: what came in time is given, the rest is counted to the last."""
    small, large = await backends.start(**bounds), await backends.start()
    sent = [f"t.{number:04}" for number in range(500)]
    async with small.subscribed("t.>") as slow, large.subscribed("t.>") as fast:
        await asyncio.gather(*(large.publish(topic, bytes(900)) for topic in sent))
        assert sorted(await fast.topics(len(sent))) == sent
        await small.publish("u")  # a round trip: all has been delivered
        await small.healthy()
        taken, error = await slow.rest()
    assert isinstance(error, FellBehind)
    assert 1 <= len(taken) <= 5
    assert len(taken) + int(error.metadata["missed"]) == len(sent)


async def test_a_group_shares(backends: Backends) -> None:
    """Members on different gateways share; a group of the same name in another namespace is another."""
    one, other = await backends.start(), await backends.start()
    async with (
        one.subscribed("t.*", group="g h") as first,
        other.subscribed("t.>", group="g h") as second,
        one.subscribed("t.*", group="g h", namespace="elsewhere") as stranger,
    ):
        sent = [f"t.{number}" for number in range(40)]
        for topic in sent:
            await one.publish(topic)
        await one.publish("t.end", namespace="elsewhere")
        assert await stranger.topics(1) == ["t.end"]
        shares = asyncio.Queue[str]()

        async def collect(listening: object) -> None:
            while True:
                shares.put_nowait((await listening.next()).topic)  # type: ignore[attr-defined]

        tasks = [asyncio.create_task(collect(each)) for each in (first, second)]
        assert sorted([await shares.get() for _ in sent]) == sorted(sent)
        await one.healthy()
        assert shares.empty()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_namespaces_that_run_together_are_kept_apart(backends: Backends) -> None:
    """`a` with the topic `b.c`, and `a.b` with the topic `c`, are different subjects."""
    served = await backends.start()
    async with served.subscribed(namespace="a") as short, served.subscribed(namespace="a.b") as long:
        await served.publish("c", namespace="a.b")
        await served.publish("b.c", namespace="a")
        assert await short.topics(1) == ["b.c"]
        assert await long.topics(1) == ["c"]


async def test_other_clients_of_nats(backends: Backends) -> None:
    """They read our topics and attributes as subjects and headers; what they publish gets an id and a time."""
    served = await backends.start()
    login = backends.server.credentials()
    client = await nats.connect(backends.server.url, user=login["username"], password=login["password"])
    try:
        theirs = await client.subscribe("prism.n.>")
        for _ in range(2):  # the driver's first PING goes out before a subscription that is still pending
            await client.flush()
        await served.publish("orders.eu", b"x", type="text")
        found = await theirs.next_msg(timeout=10)
        kind = found.headers and found.headers["type"]
        assert (found.subject, found.data, kind) == ("prism.n.orders.eu", b"x", "text")
        async with served.subscribed() as messages:
            await client.publish("prism.n.from.them", b"y", headers={"type": "a%41"})
            await client.publish("prism.n.bare", b"z")
            first, second = await messages.next(), await messages.next()
    finally:
        await client.close()
    assert (first.topic, first.payload, dict(first.attributes)) == ("from.them", b"y", {"type": "a%41"})
    assert (second.topic, dict(second.attributes)) == ("bare", {})
    assert first.message_id != second.message_id
    assert second.published_at.seconds


async def test_a_message_over_the_servers_own_limit(backends: Backends) -> None:
    """It is refused with both numbers, and those beside it are taken."""
    served = await backends.start()
    async with served.subscribed() as messages:
        results = await asyncio.gather(
            served.publish("large", bytes(1 << 20)), served.publish("small"), return_exceptions=True
        )
        assert await messages.topics(1) == ["small"]
    assert isinstance(results[0], InvalidArgument)
    assert results[0].outcome is Outcome.NOT_APPLIED
    assert "1048576" in results[0].message


async def test_what_the_user_may_not_do(backends: Backends) -> None:
    """NATS says no beside its acknowledgement: it is heard, by the call that it is about and no other."""
    served = await backends.start(backends.server.limited())
    async with served.subscribed("allowed.>") as messages:
        results = await asyncio.gather(
            served.publish("Forbidden.topic"), served.publish("allowed.topic"), return_exceptions=True
        )
        assert await messages.topics(1) == ["allowed.topic"]
    assert isinstance(results[0], BackendCredentials)
    assert results[0].outcome is Outcome.NOT_APPLIED
    assert "lacks the permission to publish to 'prism.n.Forbidden.topic'" in results[0].message
    assert isinstance(results[1], str)
    with pytest.raises(BackendCredentials, match="lacks the permission to subscribe"):
        async with served.subscribed("Forbidden.>"):
            pass
    assert served.backend.metrics()["subscriptions"] == 0


async def test_its_end_ends_the_subscriptions(backends: Backends) -> None:
    """A backend that stops leaves nobody waiting."""
    served = await backends.start()
    async with served.subscribed() as messages:
        await served.backend.stop()
        with pytest.raises(BackendUnavailable, match="subscribe again"):
            await messages.next()
    with pytest.raises(BackendUnavailable):
        await served.publish("t")


async def test_a_subscriber_that_gives_up_early_leaves_nothing(backends: Backends) -> None:
    """One that is cancelled while it joins is taken off the server all the same."""
    served = await backends.start()

    established = asyncio.Event()
    for turns in range(20):
        task = asyncio.ensure_future(anext(served.messages(">", "", "n", established)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
    await served.until(lambda _health: not served.backend.metrics()["subscriptions"])
