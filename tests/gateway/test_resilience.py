"""Breakers, retries and time-outs: their rules on a clock of the test's own, and what they do on the data path."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.policed import GET, PUT, SERVICE, Incoming, Policed, policed
from prism.config.sections.policy import BreakerSection
from prism.errors import (
    AlreadyExists,
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    DeadlineExceeded,
    Outcome,
    PrismError,
)
from prism.gateway.resilience.breaker import Breaker, State
from prism.interfaces import keyvalue as kv
from prism.wire import Deadline

NOT_APPLIED, UNKNOWN = Outcome.NOT_APPLIED, Outcome.UNKNOWN
Advance = Callable[[float], None]


class Store:
    """What the instance's store does, call by call: an error that is raised, or None for an answer; then answers."""

    def __init__(self) -> None:
        self.plan: list[PrismError | None] = []
        self.calls = 0
        self.hangs = False
        self.reached = asyncio.Semaphore(0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """A clock of the breakers' that goes on when it is told to."""
    now = [1000.0]
    for module in ("gateway", "resilience.breaker", "hops.resilience"):
        monkeypatch.setattr(f"prism.gateway.{module}.monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store behind every memory instance of the test."""
    from prism.plugins.in_process import InProcess

    store, own = Store(), InProcess.call

    async def call(instance: InProcess, *arguments: Any) -> bytes:
        store.calls += 1
        store.reached.release()
        if store.hangs:
            await asyncio.Event().wait()
        failure = store.plan.pop(0) if store.plan else None
        if failure is not None:
            raise failure.clone()
        return await own(instance, *arguments)

    monkeypatch.setattr(InProcess, "call", call)
    return store


def down(outcome: Outcome | None = NOT_APPLIED) -> PrismError:
    """The store does not answer."""
    return BackendUnavailable("the store is down", outcome=outcome)


def breaker(**options: Any) -> Breaker:
    """A breaker with those options."""
    return Breaker(BreakerSection.model_validate({"consecutive": None, "ratio": None, **options}))


def test_a_breaker_whose_instance_has_come_up_again_is_closed() -> None:
    """At once, and what began before counts no more; the same incarnation opens it as before."""
    one = breaker(consecutive=1, open=3600)
    began = one.era
    one.failed(began)
    assert one.admit()
    one.came_up(0)
    assert one.admit()
    one.came_up(1)
    assert (one.state, one.admit(), one.trips) == (State.CLOSED, 0.0, 1)
    one.failed(began)
    assert one.state is State.CLOSED
    one.failed(one.era)
    assert one.state is State.OPEN


def fail(one: Breaker, times: int) -> None:
    """So many failures, as far as calls are let pass."""
    for _ in range(times):
        if not one.admit():
            one.failed(one.trips)


def test_failures_in_a_row_open_it(clock: Advance) -> None:
    """One success between them begins the row anew."""
    one = breaker(consecutive=3)
    fail(one, 2)
    one.succeeded(one.trips)
    fail(one, 2)
    assert one.state is State.CLOSED
    fail(one, 1)
    assert (one.state, one.trips, one.admit(), one.opens_in) == (State.OPEN, 1, 5.0, 5.0)


def test_a_share_of_failures_opens_it_once_there_are_enough_calls(clock: Advance) -> None:
    """Half of the calls in the window; what is older counts no more."""
    one = breaker(ratio=0.5, minimum=10, window=10)
    for _ in range(4):
        one.succeeded(one.trips)
        fail(one, 1)
    assert one.state is State.CLOSED
    clock(11)
    fail(one, 9)
    assert one.state is State.CLOSED
    fail(one, 1)
    assert one.state is State.OPEN


def test_it_is_tried_again_by_a_few_and_closes_or_opens(clock: Advance) -> None:
    """After its time as many probes pass as it has; a failure opens it for as long again, successes close it."""
    one = breaker(consecutive=1, open=5, probes=2)
    fail(one, 1)
    clock(4.9)
    assert one.admit() == pytest.approx(0.1)
    clock(0.1)
    assert [one.admit(), one.admit(), one.admit() > 0] == [0.0, 0.0, True]
    one.failed(one.trips)
    assert (one.state, one.trips) == (State.OPEN, 2)
    one.succeeded(1)
    assert one.state is State.OPEN
    clock(5)
    assert [one.admit(), one.admit()] == [0.0, 0.0]
    one.succeeded(one.trips)
    assert one.state is State.HALF_OPEN
    one.succeeded(one.trips)
    assert (one.state, one.admit()) == (State.CLOSED, 0.0)


def test_a_probe_that_says_nothing_makes_room_for_another(clock: Advance) -> None:
    """Its caller went away; and one that never ends is waited for no longer than the breaker stays open."""
    one = breaker(consecutive=1, open=5)
    fail(one, 1)
    clock(5)
    assert one.admit() == 0.0
    assert one.admit() > 0
    one.abandoned(one.trips)
    assert one.admit() == 0.0
    assert one.admit() > 0
    clock(5)
    assert one.admit() == 0.0


def test_what_began_before_it_opened_says_nothing_of_now(clock: Advance) -> None:
    """Late answers of the calls that were under way neither close it nor count against it."""
    one = breaker(consecutive=2)
    began = one.trips
    fail(one, 2)
    one.succeeded(began)
    one.failed(began)
    assert (one.state, one.trips) == (State.OPEN, 1)


async def test_a_store_that_fails_is_left_alone_and_comes_back_by_itself(store: Store, clock: Advance) -> None:
    """The namespace is refused at once, nothing applied, with RetryInfo; others are served; then it is tried."""
    policy = {"breaker": {"consecutive": 3, "ratio": None, "open": 5}}
    async with policed(policy=policy, names=("default", "same")) as world:
        store.plan = [down(UNKNOWN)] * 3
        for _ in range(3):
            with pytest.raises(BackendUnavailable, match="the store is down"):
                await world.ask("Put")
        with pytest.raises(BackendUnavailable, match="circuit breaker open for backend") as caught:
            await world.ask("Put")
        error = caught.value
        assert (error.reason, error.outcome, error.retry_after) == ("BREAKER_OPEN", NOT_APPLIED, 5.0)
        assert store.calls == 3
        for namespace in ("same", "free"):
            await world.ask("Put", namespace)
        status = world.chain_state.status()
        assert {name: (each.state, each.trips) for name, each in status.items()} == {
            ("default", SERVICE): ("open", 1),
            ("same", SERVICE): ("closed", 0),
        }
        metrics = {family.name: [*family.values.values()] for family in world.chain_state.metrics()}
        assert (metrics["prism_breaker_state"], metrics["prism_breaker_trips"]) == ([2.0], [1.0])
        world.configure(None, [])
        clock(5)
        await world.ask("Put")
        assert world.chain_state.status()["default", SERVICE].state == "closed"


async def test_slow_calls_of_one_namespace_open_no_breaker_of_another(store: Store, clock: Advance) -> None:
    """Callers that give up what takes long, as often as they can, beside one on the same instance that now and then
    has an answer."""
    async with policed(policy={"breaker": {"consecutive": 3, "slow": 1.0}}, names=("default", "same")) as world:
        for number in range(40):
            store.hangs = True
            call = asyncio.create_task(world.ask("Put"))
            await asyncio.sleep(0)
            if number < 3:
                await store.reached.acquire()
                clock(2.0)
            call.cancel()
            await asyncio.wait([call])
            store.hangs = False
            if number % 10 == 9:
                await world.ask("Put", "same")
        states = {name: each.state for (name, _), each in world.chain_state.status().items()}
        assert states == {"default": "open", "same": "closed"}


@pytest.mark.parametrize("error", [AlreadyExists("x"), Conflict("x")])
async def test_errors_that_are_not_the_store_s_open_nothing(store: Store, error: PrismError) -> None:
    """A store that answers, if only with a refusal, is well."""
    async with policed(policy={"breaker": {"consecutive": 1}}) as world:
        store.plan = [error] * 3
        for _ in range(3):
            with pytest.raises(type(error)):
                await world.ask("Put")
        await world.ask("Put")


async def test_a_slow_store_trips_its_breaker_though_callers_give_up_first(store: Store, clock: Advance) -> None:
    """A call that nobody waits for any longer is a failure where it was slow, and says nothing where it was not."""
    async with policed(policy={"breaker": {"consecutive": 2, "slow": 1.0}}) as world:
        store.hangs = True
        for seconds in (0.1, 0.1, 0.1, 2.0, 2.0):
            call = asyncio.create_task(world.ask("Put"))
            await store.reached.acquire()
            clock(seconds)
            call.cancel()
            await asyncio.wait([call])
        assert world.chain_state.status()["default", SERVICE].state == "open"
        assert store.calls == 5


@pytest.mark.parametrize("method", ["Get", "Put", "ScanStream"])
async def test_deadlines_without_time_open_no_breaker(method: str) -> None:
    """The instance itself says that there was no time; that says nothing of it, however often it is made to."""
    request = {"Get": GET, "Put": PUT, "ScanStream": kv.ScanStreamRequest().SerializeToString()}[method]
    async with policed(policy={"breaker": {"consecutive": 2, "ratio": 0.1, "minimum": 2}}) as world:
        operation = world.gateway.operations[f"/{SERVICE}/{method}"]

        async def ask() -> None:
            hasty = Incoming(deadline=Deadline.after(0))
            if operation.server_streaming:
                [_ async for _ in world.gateway.stream(hasty, operation, request)]
            else:
                await world.gateway.unary(hasty, operation, request)

        for _ in range(5):
            with pytest.raises(DeadlineExceeded):
                await ask()
        assert world.chain_state.status()["default", SERVICE].state == "closed"
        await world.ask("Put")


async def test_a_store_that_says_it_was_too_slow_opens_its_breaker(store: Store, clock: Advance) -> None:
    """A time-out of its own counts at once: no caller had asked for it."""
    async with policed(policy={"breaker": {"consecutive": 2, "slow": 1.0}}) as world:
        store.plan = [DeadlineExceeded("no answer")] * 2
        for _ in range(2):
            with pytest.raises(DeadlineExceeded):
                await world.ask()
        assert world.chain_state.status()["default", SERVICE].state == "open"


async def test_a_body_that_drips_opens_no_breaker(store: Store, clock: Advance) -> None:
    """However long a caller takes to send its request, and then goes away: the instance was not slow."""
    async with policed(policy={"breaker": {"consecutive": 2, "slow": 1.0}}) as world:
        store.hangs = True
        put = world.gateway.operations[f"/{SERVICE}/Put"]

        async def drips(body: bytes) -> bytes:
            clock(60)
            return body

        for _ in range(3):
            call = asyncio.create_task(world.gateway.unary(Incoming(), put, PUT, drips))
            await store.reached.acquire()
            call.cancel()
            await asyncio.wait([call])
        assert world.chain_state.status()["default", SERVICE].state == "closed"


RETRIES = {"retries": {"attempts": 3, "first_delay": 0.001, "longest_delay": 0.001}}
KEYED = kv.PutRequest(id="r", items=[kv.PutItem(key=b"k", value=b"v")], idempotency_key="once").SerializeToString()


@pytest.mark.parametrize(
    ("method", "payload", "failures", "calls", "outcome"),
    [
        pytest.param("Get", GET, [down(None)], 2, "answered", id="a read"),
        pytest.param("Put", PUT, [down(NOT_APPLIED)] * 2, 3, "answered", id="a write that was not applied"),
        pytest.param("Put", PUT, [down(UNKNOWN)], 1, UNKNOWN, id="a write that may have been"),
        pytest.param("Put", KEYED, [down(UNKNOWN)], 2, "answered", id="a write with a key"),
        pytest.param("Put", KEYED, [down(UNKNOWN)] + [down(NOT_APPLIED)] * 2, 3, UNKNOWN, id="all attempts fail"),
        pytest.param("Put", PUT, [down(NOT_APPLIED), down(UNKNOWN)], 2, UNKNOWN, id="the second may have been applied"),
        pytest.param("Put", PUT, [AlreadyExists("x", outcome=NOT_APPLIED)], 1, NOT_APPLIED, id="a refusal"),
        pytest.param("Put", PUT, [BackendCredentials("x", outcome=NOT_APPLIED)], 1, NOT_APPLIED, id="credentials"),
        pytest.param("Put", PUT, [Conflict("x", outcome=NOT_APPLIED)], 2, "answered", id="a conflict"),
    ],
)
async def test_only_what_may_be_is_repeated(
    store: Store, method: str, payload: bytes, failures: list[PrismError], calls: int, outcome: object
) -> None:
    """Reads, what was not applied, what carries an idempotency key; the error tells what all attempts did."""
    async with policed(policy=RETRIES) as world:
        store.plan = [*failures]
        operation = world.gateway.operations[f"/{SERVICE}/{method}"]
        seen: object = "answered"
        try:
            await world.gateway.unary(Incoming(), operation, payload)
        except PrismError as error:
            seen = error.outcome
        assert (store.calls, seen) == (calls, outcome)


async def test_retries_end_at_the_caller_s_deadline(store: Store) -> None:
    """No attempt is waited for that the caller would not see."""
    async with policed(policy={"retries": {"first_delay": 10, "longest_delay": 10}}) as world:
        store.plan = [down()]
        get = world.gateway.operations[f"/{SERVICE}/Get"]
        with pytest.raises(BackendUnavailable):
            await world.gateway.unary(Incoming(deadline=Deadline.after(1)), get, GET)
        assert store.calls == 1


async def test_retries_have_a_budget(store: Store) -> None:
    """While a store is down they stop, and come back with its answers."""
    async with policed(policy=RETRIES) as world:
        store.plan = [down()] * 200
        for _ in range(50):
            with pytest.raises(BackendUnavailable):
                await world.ask("Put")
        assert store.calls <= 50 + 10
        (spent,) = [dict(each.values) for each in world.chain_state.metrics() if each.name == "prism_retries"]
        assert spent == {("default",): float(store.calls - 50)}
        store.plan = []
        for _ in range(120):
            await world.ask("Put")
        before, store.plan = store.calls, [down()]
        await world.ask("Put")
        assert store.calls == before + 2


@pytest.fixture
async def impatient() -> AsyncIterator[Policed]:
    """A namespace whose calls may take next to no time."""
    async with policed(policy={"timeouts": {"default": 0.03, "longest": 0.05}}) as world:
        yield world


async def test_a_call_without_a_deadline_gets_the_policy_s(store: Store, impatient: Policed) -> None:
    """When it has passed, nobody knows what became of a write; the sentence names the time."""
    store.hangs = True
    put = impatient.gateway.operations[f"/{SERVICE}/Put"]
    with pytest.raises(DeadlineExceeded, match=r"did not finish within 0\.03 s") as caught:
        await impatient.gateway.unary(Incoming(), put, PUT)
    assert caught.value.outcome is UNKNOWN
    assert impatient.instance.active == 0
    store.hangs = False
    await impatient.gateway.unary(Incoming(), put, PUT)


async def test_without_a_default_the_longest_is_it(store: Store) -> None:
    """A caller that says nothing is not let wait for ever."""
    async with policed(policy={"timeouts": {"longest": 0.03}}) as world:
        store.hangs = True
        with pytest.raises(DeadlineExceeded, match=r"did not finish within 0\.03 s"):
            await world.ask()


async def test_a_caller_that_goes_away_is_no_time_out(store: Store, impatient: Policed) -> None:
    """A cancellation stays one."""
    store.hangs = True
    call = asyncio.create_task(impatient.ask())
    await store.reached.acquire()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
