"""Limits: buckets on a clock of the test's own, and what a call over one is told on the data path."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gateway.policed import EVERYTHING, PUT, SERVICE, Incoming, policed
from prism.errors import LimitExceeded, Outcome
from prism.gateway.limits.bucket import Bucket
from prism.interfaces import keyvalue as kv
from prism.rpc_status import from_status, to_status
from prism.wire import Metadata, Peer, UnixCredentials

USERS = {"methods": [{"type": "unix", "users": {1: "alice", 2: "bob"}}]}
ALICE, BOB = (Peer("unix:", UnixCredentials(1, uid, 1)) for uid in (1, 2))
Advance = Callable[[float], float]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """A clock of the calls and the buckets that goes on when it is told to."""
    now = [1000.0]
    for module in ("limits.bucket", "gateway"):
        monkeypatch.setattr(f"prism.gateway.{module}.monotonic", lambda: now[0])

    def advance(seconds: float) -> float:
        now[0] += seconds
        return now[0]

    return advance


def test_a_bucket_gives_its_burst_and_then_its_rate(clock: Advance) -> None:
    """Ten at once, and then one each tenth of a second, for ever and to the letter."""
    bucket = Bucket()
    assert [bucket.take(clock(0), 0.1, 1.0) for _ in range(10)] == [0.0] * 10
    assert bucket.take(clock(0), 0.1, 1.0) == pytest.approx(0.1)
    clock(0.1)
    assert bucket.take(clock(0), 0.1, 1.0) == 0.0
    assert bucket.take(clock(0), 0.1, 1.0) == pytest.approx(0.1)
    clock(1000)
    assert sum(bucket.take(clock(0), 0.1, 1.0) == 0.0 for _ in range(50)) == 10


def test_more_than_the_burst_at_once_is_let_through_and_paid_off(clock: Advance) -> None:
    """Else a large message could never pass; what it costs is waited for afterwards."""
    bucket = Bucket()
    assert bucket.take(clock(0), 5.0, 1.0) == 0.0
    assert bucket.take(clock(0), 0.01, 1.0) == pytest.approx(4.01)
    clock(4.01)
    assert bucket.take(clock(0), 0.01, 1.0) == 0.0


def test_what_is_charged_is_owed(clock: Advance) -> None:
    """An answer is paid for though there is nothing left."""
    bucket = Bucket()
    bucket.charge(3.0)
    assert bucket.take(clock(0), 0.5, 1.0) == pytest.approx(2.5)


async def test_calls_over_the_rate_are_told_when_to_come_again(clock: Advance) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, nothing applied; after that time a call passes."""
    limits = {"requests": {"rate": 2, "burst": 2}}
    async with policed(policy={"limits": limits}) as world:
        await world.ask("Put")
        await world.ask("Put")
        with pytest.raises(
            LimitExceeded, match="the limit of 2 calls a second for this namespace is exceeded"
        ) as caught:
            await world.ask("Put")
        told = from_status(to_status(caught.value))
        assert told.outcome is Outcome.NOT_APPLIED
        assert told.metadata["limit"] == "requests"
        assert told.retry_after is not None
        clock(told.retry_after + 1e-6)
        await world.ask("Put")
        await world.ask("Get", "free")


async def test_a_caller_over_its_own_limit_takes_nothing_from_the_others(clock: Advance) -> None:
    """Its refused calls do not count against the namespace; a reload forgets nothing of what was used."""
    limits = {"requests": {"rate": 1, "burst": 4}, "each_principal": {"requests": {"rate": 1, "burst": 2}}}
    async with policed(USERS, policy={"limits": limits}) as world:
        passed, refusals = 0, set[str]()
        for _ in range(20):
            try:
                await world.ask(peer=ALICE)
                passed += 1
            except LimitExceeded as error:
                refusals.add(error.message.partition(";")[0])
        assert passed == 2
        assert refusals == {"the limit of 1 calls a second for each caller on this namespace is exceeded"}
        world.configure(USERS, EVERYTHING)
        for _ in range(2):
            await world.ask(peer=BOB)
        with pytest.raises(LimitExceeded):
            await world.ask(peer=ALICE)
        clock(10)
        await world.ask(peer=ALICE)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few callers are remembered that a few strangers are as many as 20,000."""
    monkeypatch.setattr("prism.gateway.limits.usage.PRINCIPALS", 4)


EACH = {"each_principal": {"requests": {"rate": 1, "burst": 3}, "concurrent": 2}}
CROWD = {"methods": [{"type": "unix", "users": {1: "alice", **{uid: f"u{uid}" for uid in range(100, 120)}}}]}


def stranger(uid: int) -> Peer:
    """Another identity of the same attacker's."""
    return Peer("unix:", UnixCredentials(1, uid, 1))


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("reloaded", [False, True])
async def test_invented_identities_let_nobody_begin_anew(clock: Advance, reloaded: bool) -> None:
    """Who owes much is remembered, however many come after it, and whether or not a reload lies between."""
    async with policed(CROWD, policy={"limits": EACH}) as world:
        for _ in range(3):
            await world.ask(peer=ALICE)
        if reloaded:
            world.configure(CROWD, EVERYTHING)
        for uid in range(100, 120):
            await world.ask(peer=stranger(uid))
        with pytest.raises(LimitExceeded):
            await world.ask(peer=ALICE)
        clock(1)
        await world.ask(peer=ALICE)
        assert len(world.chain_state._usages._each) == 4


@pytest.mark.usefixtures("crowded")
async def test_many_namespaces_do_not_let_their_caller_begin_anew_in_one(clock: Advance) -> None:
    """It may call in all of them, and each counts for itself."""
    names = ["default", *(f"n{number}" for number in range(20))]
    async with policed(CROWD, names=names, policy={"limits": EACH}) as world:
        for _ in range(3):
            await world.ask(peer=ALICE)
        for name in names[1:]:
            await world.ask(namespace=name, peer=ALICE)
        with pytest.raises(LimitExceeded):
            await world.ask(peer=ALICE)


@pytest.mark.usefixtures("crowded")
async def test_calls_under_way_are_not_forgotten(clock: Advance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a caller could have as many at once as it has patience; a stream counts on what its calls count on."""
    reached, go_on = asyncio.Semaphore(0), asyncio.Event()
    async with policed(CROWD, policy={"limits": {"each_principal": {"concurrent": 2}}}) as world:
        own = type(world.instance).call

        async def slow(instance: Any, *call: Any) -> bytes:
            reached.release()
            await go_on.wait()
            return await own(instance, *call)

        async def listed() -> None:
            incoming = Incoming(Metadata([("prism-namespace", "default")]), peer=ALICE)
            scan = world.gateway.operations[f"/{SERVICE}/ScanStream"]
            [_ async for _ in world.gateway.stream(incoming, scan, kv.ScanStreamRequest().SerializeToString())]

        with monkeypatch.context() as patched:
            patched.setattr(type(world.instance), "call", slow)
            held = [asyncio.create_task(world.ask(peer=ALICE)) for _ in range(2)]
            for _ in held:
                await reached.acquire()
        for uid in range(100, 120):
            await world.ask(peer=stranger(uid))
        for ask in (world.ask(peer=ALICE), listed()):
            with pytest.raises(LimitExceeded, match="the limit of 2 calls at a time"):
                await ask
        go_on.set()
        await asyncio.gather(*held)
        await world.ask(peer=ALICE)
        await listed()
        assert len(world.chain_state._usages._each) == 4


@pytest.mark.usefixtures("crowded")
async def test_who_owes_nothing_makes_room_first(clock: Advance) -> None:
    """To forget it changes nothing; those who still owe are kept."""
    async with policed(CROWD, policy={"limits": EACH}) as world:
        await world.ask(peer=stranger(100))
        clock(1)
        for uid in (101, 102, 103, 104):
            await world.ask(peer=stranger(uid))
        known = {principal for _, principal in world.chain_state._usages._each}
        assert known == {"u101", "u102", "u103", "u104"}


async def test_bytes_of_requests_and_answers_count(clock: Advance) -> None:
    """A caller that reads much is slowed down like one that writes much."""
    request = kv.PutRequest(id="r", items=[kv.PutItem(key=b"k", value=b"x" * 1000)]).SerializeToString()
    limits = {"bytes": {"rate": 1000, "burst": 10_000}}
    async with policed(policy={"limits": limits}) as world:
        operations = world.gateway.operations
        await world.gateway.unary(Incoming(), operations[f"/{SERVICE}/Put"], request)
        get = kv.GetRequest(id="r", keys=[b"k"]).SerializeToString()
        for _ in range(9):
            await world.gateway.unary(Incoming(), operations[f"/{SERVICE}/Get"], get)
        with pytest.raises(LimitExceeded, match="the limit of 1000 bytes a second"):
            await world.gateway.unary(Incoming(), operations[f"/{SERVICE}/Get"], get)


async def test_sizes_have_their_own_limits() -> None:
    """Of a request, before anything is done; of what a scan gives, in one answer or many."""
    async with policed(policy={"limits": {"message_size": len(PUT)}}) as world:
        await world.ask("Put")
        large = kv.PutRequest(id="record", items=[kv.PutItem(key=b"key", value=b"value and more")])
        put = world.gateway.operations[f"/{SERVICE}/Put"]
        with pytest.raises(LimitExceeded, match=f"over this namespace's limit of {len(PUT)}") as caught:
            await world.gateway.unary(Incoming(), put, large.SerializeToString())
        assert caught.value.outcome is Outcome.NOT_APPLIED
    async with policed(policy={"limits": {"scan_size": 100}}) as world:
        await world.ask("Put")
        await world.ask("Get")
        items = [kv.PutItem(key=b"%d" % number, value=b"x" * 90) for number in range(2)]
        request = kv.PutRequest(id="record", items=items).SerializeToString()
        await world.gateway.unary(Incoming(), world.gateway.operations[f"/{SERVICE}/Put"], request)
        scan = world.gateway.operations[f"/{SERVICE}/ScanStream"]
        with pytest.raises(LimitExceeded) as caught:
            [_ async for _ in world.gateway.stream(Incoming(), scan, kv.ScanStreamRequest().SerializeToString())]
        assert caught.value.reason == "ANSWER_TOO_LARGE"


async def test_calls_under_way_are_counted_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third call is refused while two wait for the store, and passes when one has ended, however it ended."""
    reached, go_on = asyncio.Semaphore(0), asyncio.Event()

    async with policed(policy={"limits": {"concurrent": 2}}) as world:
        own = type(world.instance).call

        async def slow(instance: Any, *call: Any) -> bytes:
            reached.release()
            await go_on.wait()
            return await own(instance, *call)

        monkeypatch.setattr(type(world.instance), "call", slow)
        first, second = (asyncio.create_task(world.ask("Put")) for _ in range(2))
        await reached.acquire()
        await reached.acquire()
        with pytest.raises(LimitExceeded, match="the limit of 2 calls at a time") as caught:
            await world.ask("Put")
        assert caught.value.retry_after
        first.cancel()
        await asyncio.wait([first])
        third = asyncio.create_task(world.ask("Put"))
        await reached.acquire()
        go_on.set()
        await asyncio.gather(second, third)
        await world.ask("Put")


async def test_a_namespace_within_its_limit_does_not_notice_one_that_is_over(clock: Advance) -> None:
    """Every call of the one passes while nine of ten of the other are refused."""
    async with policed(policy={"limits": {"requests": {"rate": 10, "burst": 10}}}, names=("default", "other")) as world:
        refused = 0
        for turn in range(200):
            clock(0.01)
            if turn % 10 == 0:
                await world.ask(namespace="other")
            try:
                await world.ask()
            except LimitExceeded:
                refused += 1
        assert 165 <= refused <= 172  # 200 less the burst and two seconds' worth
        metrics = {(namespace, reason): count for namespace, reason, count in world.gateway.denials.counts()}
        assert metrics == {("default", "LIMIT_EXCEEDED"): refused}
