"""What is broken off in the middle: a pull, an acknowledgement, a Seek, a stop; nothing of it is lost or done twice."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from nats.aio.client import Client

from backends.nats.jobs import GROUP, TOPIC, Jobs, jobs_on
from backends.nats.listening import Backends
from prism.acceptance.store.proxy import Proxy
from prism.backends.nats.backend import NatsBackend
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.names import log_stream
from prism.backends.nats.jetstream.pulls import Pull, Pulls
from prism.backends.nats.jetstream.refusals import JetStreamMissingError
from prism.backends.nats.queue import settling
from prism.backends.nats.queue.fetching import Fetching
from prism.backends.nats.queue.held import now
from prism.backends.nats.queue.incoming import incoming
from prism.backends.nats.queue.leases import Delivered
from prism.backends.nats.queue.space import Space
from prism.backends.nats.session import broke
from prism.backends.nats.testing import NatsServer
from prism.errors import BackendUnavailable, GroupNotFound, Outcome
from prism.interfaces import queue as q
from prism.sdk.queue.calls import Start
from prism.sdk.queue.rows import GroupConfig
from prism.sdk.wakeups import Wakeups


def space_of(jobs: Jobs) -> Space:
    """What the backend knows of the namespace."""
    return jobs.backend._queues._space(jobs.context)


async def test_a_pull_that_ends_early_has_what_was_on_its_way(jobs: Jobs, server: NatsServer) -> None:
    """CONTRACT, Queue 5: the server has given it away; dropped here it would come after its deadline, as attempt 2."""
    await jobs.group()
    async with Proxy("127.0.0.1", server.port) as line:
        credentials = NatsCredentials.model_validate(server.credentials())
        behind = NatsBackend(NatsConfig(servers=(f"nats://127.0.0.1:{line.port}",)), credentials)
        await behind.start()
        try:
            jetstream, names, stop = behind._queues._jetstream, jobs.names, asyncio.Event()
            pulling = asyncio.create_task(
                Pulls(jetstream).pull(names.stream(TOPIC), names.consumer(GROUP, 1), 1, wait=20, stop=stop)
            )
            await jobs.pull_waits()
            line.delay = 0.3
            await jobs.publish(b"on its way")
            await jobs.taken()
            stop.set()
            assert [each.data for each in (await pulling).messages] == [b"on its way"]
        finally:
            line.delay = 0
            await behind.stop()


async def test_an_acknowledgement_whose_caller_has_gone_is_in_time_when_repeated(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTRACT, Queue 2: it may have reached JetStream; asked again after the deadline it is not lost."""
    await jobs.group(ack_deadline=Duration(nanos=300_000_000))
    await jobs.publish(b"work")
    (message,) = await jobs.receive()
    jetstream, sent = jobs.backend._queues._jetstream, asyncio.Event()

    async def confirm_each(_: object) -> list[bool]:
        sent.set()
        return await asyncio.Event().wait()  # type: ignore[return-value]  # it does not return

    with monkeypatch.context() as patched:
        patched.setattr(jetstream, "confirm_each", confirm_each)
        acknowledging = asyncio.create_task(jobs.acknowledge(message.receipt))
        await sent.wait()
        acknowledging.cancel()
        await asyncio.gather(acknowledging, return_exceptions=True)
    await asyncio.sleep(0.35)  # the deadline passes
    assert await jobs.acknowledge(message.receipt) == [True]


async def test_an_acknowledgement_that_is_repeated_late_takes_nothing_from_another_consumer(
    jobs: Jobs, server: NatsServer, stock: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTRACT, Queue 2: no message comes after its acknowledgement: what another consumer has got meanwhile is lost to
    the one before. JetStream alone takes an acknowledgement of any delivery."""
    await jobs.group(ack_deadline=Duration(seconds=30))
    await jobs.publish(b"work")
    (message,) = await jobs.receive()
    member = await space_of(jobs).member(TOPIC, GROUP)
    (lease,) = member.held._holdings

    async def lost(asked: Sequence[object]) -> list[BaseException]:
        return [broke() for _ in asked]  # before JetStream has heard it

    async def late() -> list[bool]:
        with monkeypatch.context() as patched:
            patched.setattr(settling, "now", lambda: now() + 40_000)
            return await jobs.acknowledge(message.receipt)

    with monkeypatch.context() as patched:
        patched.setattr(jobs.backend._queues._jetstream, "confirm_each", lost)
        with pytest.raises(BackendUnavailable):
            await jobs.acknowledge(message.receipt)
    member.held.release(lease)  # its time is over, as settling's clock says
    await stock.publish(Delivered.of(lease).subject(member.group.stream, member.group.consumer), b"-NAK")
    async with jobs_on(server, jobs.context.namespace) as other:
        (again,) = await other.receive()
        assert again.attempt == 2
        assert await late() == [False]
        assert await other.acknowledge(again.receipt) == [True]
        assert await late() == [True], "no consumer has it any more"
        assert (await space_of(other).member(TOPIC, GROUP)).held.is_done(lease.seq)


async def test_a_consumer_that_moves_to_another_server_loses_no_receipt(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTRACT, Queue 3: where nothing has heard the acknowledgement and the durable is there, it is tried again."""
    await jobs.group()
    await jobs.publish(b"work")
    (message,) = await jobs.receive()

    async def confirm(words: list[object]) -> list[bool]:
        return [False] * len(words)

    with monkeypatch.context() as patched:
        patched.setattr(jobs.backend._queues._jetstream, "confirm", confirm)
        patched.setattr(jobs.backend._queues._jetstream, "confirm_each", confirm)
        for settle in (jobs.acknowledge, jobs.extend, jobs.release):
            with pytest.raises(BackendUnavailable) as caught:
                await settle(message.receipt)
            assert caught.value.outcome is Outcome.UNKNOWN
    assert await jobs.acknowledge(message.receipt) == [True]


async def test_a_gateway_hears_others_once(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it could not say at first that it is there: heard twice, it would answer twice for one."""
    space = space_of(jobs)
    put = space.state.put

    async def fails(*_: object, **__: object) -> bool:
        raise BackendUnavailable("busy")

    monkeypatch.setattr(space.state, "put", fails)
    for _ in range(3):
        with pytest.raises(BackendUnavailable):
            await space.instances.join()
    monkeypatch.setattr(space.state, "put", put)
    await space.instances.join()
    session = await space.jetstream.session()
    assert [each.subject for each in session.client._subs.values()].count(space.names.told) == 1


async def test_a_group_that_two_find_removed(jobs: Jobs, stock: Client) -> None:
    """Each hears that it is there no more."""
    await jobs.group()
    space = space_of(jobs)
    await space.member(TOPIC, GROUP)
    await stock.jetstream().delete_consumer(jobs.names.stream(TOPIC), jobs.names.consumer(GROUP, 1))
    found = await asyncio.gather(*(space.member(TOPIC, GROUP, fresh=True) for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in found] == [GroupNotFound] * 5


async def test_a_group_is_removed_with_all_its_durables(jobs: Jobs) -> None:
    """A Seek that was broken off leaves two; the one before would come back as the group."""
    await jobs.group()
    await space_of(jobs).catalogue.create_group(TOPIC, GROUP, Start(), GroupConfig(), epoch=2)
    request = q.DeleteGroupRequest(topic=TOPIC, group=GROUP)
    assert (await jobs.queue.delete_group(request, jobs.context)).existed
    listed = await jobs.queue.list_groups(q.ListGroupsRequest(topic=TOPIC), jobs.context)
    assert [*listed.groups] == []
    assert not (await jobs.queue.delete_group(request, jobs.context)).existed


async def test_a_message_too_large_for_one_consumer_waits_for_another(jobs: Jobs) -> None:
    """The pull that finds it ends; another consumer of the group, which may have room, is woken."""
    await jobs.group()
    group = (await space_of(jobs).member(TOPIC, GROUP)).group

    class Exceeding(Pulls):
        async def pull(self, *_: object, **__: Any) -> Pull:
            return Pull(1, exceeded=True)

    wakeups = Wakeups()
    fetching = Fetching(Exceeding(space_of(jobs).jetstream), wakeups, ("n", TOPIC), group, lambda *_: asyncio.sleep(0))
    waiter = wakeups.join(("n", TOPIC), GROUP)
    async with asyncio.timeout(10):
        fetching._wait(1)
        await waiter.wait()
    assert not fetching._empty
    await fetching.stop()


async def test_a_stop_goes_on_where_a_message_cannot_be_given_back(
    server: NatsServer, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are given back, and the gateway is not counted among those that are there any more."""
    await jobs.group()
    async with jobs_on(server, jobs.context.namespace) as other:
        space = space_of(other)
        member = await space.member(TOPIC, GROUP)
        for number in range(3):
            await jobs.publish(b"%d" % number)
        pull = await Pulls(space.jetstream).pull(member.group.stream, member.group.consumer, 3, wait=5)
        for each in pull.messages:
            member.fetching._ready.append(incoming(each))
        release, tries = space.release, []

        async def releases(group: Any, came: Any) -> None:
            tries.append(came)
            if len(tries) == 1:
                raise BackendUnavailable("busy")
            await release(group, came)

        monkeypatch.setattr(space, "release", releases)
    assert len(tries) == 3
    assert await space_of(jobs).instances._present() == {space_of(jobs).instances._id}
    assert sorted(each.payload for each in await jobs.receive(3)) == [b"1", b"2"]


async def test_a_log_that_was_removed_is_made_anew(backends: Backends, stock: Client) -> None:
    """The publish that finds out fails, and says what is the matter; the next one makes it."""
    served = await backends.start()
    await served.publish("t")
    await stock.jetstream().delete_stream(log_stream("prism", "n"))
    with pytest.raises(BackendUnavailable) as caught:
        await served.publish("t")
    assert caught.value.retry_after
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await served.publish("t")


async def test_a_stream_without_a_leader_is_an_outage(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no server takes, though the stream is there, may be repeated: it was told as a JetStream that is off."""
    await jobs.group()
    jetstream = jobs.backend._queues._jetstream

    async def publishes(subject: str, *_: object) -> None:
        raise JetStreamMissingError(subject)

    monkeypatch.setattr(jetstream, "publish", publishes)
    with pytest.raises(BackendUnavailable, match="no NATS server leads the stream") as caught:
        await jobs.publish(b"work")
    assert (caught.value.outcome, bool(caught.value.retry_after)) == (Outcome.NOT_APPLIED, True)


async def test_one_answer_that_is_lost_leaves_the_others_known(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONTRACT, Queue 2: of what is acknowledged together, what JetStream has confirmed is done, and is remembered."""
    await jobs.group()
    for number in range(3):
        await jobs.publish(b"%d" % number)
    receipts = [each.receipt for each in await jobs.receive(3)]
    jetstream, member = jobs.backend._queues._jetstream, await space_of(jobs).member(TOPIC, GROUP)
    request = jetstream.request

    async def requests(subject: str, *rest: Any, **named: Any) -> Any:
        if subject.startswith("$JS.ACK") and ".2." in subject:
            raise BackendUnavailable("cut", outcome=Outcome.UNKNOWN)
        return await request(subject, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(jetstream, "request", requests)
        with pytest.raises(BackendUnavailable):
            await jobs.acknowledge(*receipts)
    assert sorted(member.held.recent()) == [1, 3]
    assert await jobs.acknowledge(*receipts) == [True, True, True]
