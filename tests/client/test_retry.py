"""What the client repeats, and what it leaves to the application."""

import asyncio

import pytest

from client.upstream import Fault, Upstream, serving
from prism.client import (
    BackendUnavailable,
    Client,
    Conflict,
    DeadlineExceeded,
    GatewayUnavailable,
    InternalError,
    InvalidArgument,
    KeyValue,
    LimitExceeded,
    Outcome,
    PrismError,
    RetryPolicy,
    StoreFull,
)
from prism.client.retry import RetryBudget
from prism.wire import Code, Status

NOT_APPLIED, UNKNOWN = Outcome.NOT_APPLIED, Outcome.UNKNOWN


@pytest.mark.parametrize(
    "error",
    [
        BackendUnavailable("away"),
        Conflict("again"),
        LimitExceeded("slowly", retry_after=0.01),
        Status(Code.UNAVAILABLE, "no details"),
    ],
    ids=["unavailable", "aborted", "limit-with-delay", "bare-status"],
)
async def test_a_read_is_repeated(kv: KeyValue, upstream: Upstream, error: PrismError | Status) -> None:
    """Whatever a repetition may help."""
    upstream.faults.extend([Fault(error), Fault(error)])
    assert await kv.get("r", b"k") is None
    assert upstream.methods() == ["Get"] * 3


@pytest.mark.parametrize(
    "error",
    [InvalidArgument("bad"), LimitExceeded("too large"), StoreFull("full"), InternalError("broken")],
    ids=["invalid", "limit-without-delay", "full", "internal"],
)
async def test_what_a_repetition_cannot_help_is_not_repeated(
    kv: KeyValue, upstream: Upstream, error: PrismError
) -> None:
    """The error comes at once, as it was sent."""
    upstream.faults.append(Fault(error))
    with pytest.raises(type(error), match=error.message):
        await kv.get("r", b"k")
    assert upstream.methods() == ["Get"]


async def test_a_write_is_repeated_where_nothing_was_applied(kv: KeyValue, upstream: Upstream) -> None:
    """The error says so."""
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=NOT_APPLIED)))
    await kv.put("r", {b"k": b"v"})
    assert upstream.methods() == ["Put", "Put"]


@pytest.mark.parametrize("outcome", [UNKNOWN, None])
async def test_a_write_that_may_have_been_applied_is_not_repeated(
    kv: KeyValue, upstream: Upstream, outcome: Outcome | None
) -> None:
    """The application is told that nobody knows."""
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=outcome), applied=True))
    with pytest.raises(BackendUnavailable) as caught:
        await kv.put("r", {b"k": b"v"})
    assert caught.value.outcome is UNKNOWN
    assert upstream.methods() == ["Put"]


async def test_a_write_with_an_idempotency_key_is_repeated(kv: KeyValue, upstream: Upstream) -> None:
    """It was applied, its answer was lost, and the repetition gives the first answer."""
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=UNKNOWN), applied=True))
    versions = await kv.put("r", {b"k": b"v"}, idempotency_key="once")
    item = await kv.get("r", b"k")
    assert item is not None
    assert item.version == versions[b"k"]
    assert upstream.methods() == ["Put", "Put", "Get"]


async def test_the_outcome_covers_every_attempt(kv: KeyValue, upstream: Upstream) -> None:
    """An attempt that may have been applied is not forgotten when the last one certainly was not."""
    upstream.faults.extend(
        [
            Fault(BackendUnavailable("away", outcome=UNKNOWN), applied=True),
            Fault(StoreFull("full", outcome=NOT_APPLIED)),
        ]
    )
    with pytest.raises(StoreFull) as caught:
        await kv.put("r", {b"k": b"v"}, idempotency_key="once")
    assert caught.value.outcome is UNKNOWN


async def test_a_batch_is_repeated_where_every_write_has_a_key(kv: KeyValue, upstream: Upstream) -> None:
    """And only there."""
    writes = {"a": {b"k": b"1"}, "b": {b"k": b"2"}}
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=UNKNOWN)))
    await kv.batch_put(writes, idempotency_keys={"a": "1", "b": "2"})
    upstream.faults.append(Fault(BackendUnavailable("away", outcome=UNKNOWN)))
    with pytest.raises(BackendUnavailable):
        await kv.batch_put(writes, idempotency_keys={"a": "1"})
    assert len(upstream.seen) == 3


async def test_attempts_are_bounded(upstream: Upstream) -> None:
    """The policy's number, and the last error."""
    upstream.faults.extend(Fault(BackendUnavailable(str(number))) for number in range(5))
    async with Client(upstream.address, retry=RetryPolicy(attempts=3, first_delay=0.001)) as prism:
        with pytest.raises(BackendUnavailable, match="2"):
            await prism.keyvalue().get("r", b"k")
    assert len(upstream.seen) == 3


async def test_no_attempt_begins_after_the_deadline(kv: KeyValue, upstream: Upstream) -> None:
    """A delay that the deadline does not leave time for is not waited."""
    upstream.faults.append(Fault(BackendUnavailable("away", retry_after=60)))
    with pytest.raises(BackendUnavailable):
        await kv.get("r", b"k", timeout=30)
    assert len(upstream.seen) == 1


async def test_nobody_listens(upstream: Upstream) -> None:
    """A gateway that cannot be reached has applied nothing."""
    await upstream.close()
    async with Client(upstream.address, retry=RetryPolicy(attempts=2, first_delay=0.001)) as prism:
        with pytest.raises(GatewayUnavailable) as caught:
            await prism.keyvalue().put("r", {b"k": b"v"})
    assert caught.value.outcome is NOT_APPLIED


async def test_it_connects_again() -> None:
    """The same client goes on with the gateway that takes the old one's place."""
    async with serving() as first:
        address = first.address
        prism = Client(address)
        await prism.keyvalue().put("r", {b"k": b"v"})
    async with serving(address), prism:
        assert await prism.keyvalue().get("r", b"k") is None


async def test_a_write_without_an_answer_may_have_been_applied(kv: KeyValue, upstream: Upstream) -> None:
    """The deadline ends the wait, and nobody knows."""
    upstream.stalled = True
    with pytest.raises(DeadlineExceeded) as caught:
        await kv.put("r", {b"k": b"v"}, timeout=0.1)
    assert caught.value.outcome is UNKNOWN


async def test_a_stream_that_falls_silent_ends(kv: KeyValue, upstream: Upstream) -> None:
    """The timeout bounds the wait for each chunk; what came before is there, with its cursor."""
    for record in ("a", "b"):
        await kv.put(record, {b"k": b"v"})
    upstream.stalled = True
    stream = kv.scan_stream(timeout=0.1)
    first = await anext(stream)
    with pytest.raises(DeadlineExceeded):
        await anext(stream)
    upstream.stalled = False
    assert [chunk.record async for chunk in kv.scan_stream(cursor=first.cursor)] == ["b"]


async def test_a_token_that_does_not_come(upstream: Upstream) -> None:
    """Nothing was sent, so nothing was applied."""

    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    async with Client(upstream.address, token=never, timeout=0.05) as prism:
        with pytest.raises(DeadlineExceeded, match="token") as caught:
            await prism.keyvalue().put("r", {b"k": b"v"})
    assert caught.value.outcome is NOT_APPLIED
    assert upstream.seen == []


def test_delays_grow_within_their_bounds() -> None:
    """Doubled each time, half of it random, never above the longest; what the gateway asks for comes on top."""
    policy = RetryPolicy(first_delay=1, longest_delay=4)
    for attempts_made, longest in ((1, 1), (2, 2), (3, 4), (10, 4)):
        assert longest / 2 <= policy.delay(attempts_made, None) <= longest
    assert 10.5 <= policy.delay(1, 10) <= 11


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first_delay": 0}, {"first_delay": 3, "longest_delay": 2}])
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """The message names the field."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)  # type: ignore[arg-type]  # what is being tested


def test_the_budget_stops_retries_while_most_calls_fail() -> None:
    """Half of it may be spent; successes earn it back."""
    budget = RetryBudget()
    granted = 0
    while budget.spend():
        granted += 1
    assert granted == RetryBudget.MAX_TOKENS / 2 - 1
    for _ in range(round(3 / RetryBudget.TOKENS_PER_SUCCESS)):
        budget.earn()
    assert budget.spend()
