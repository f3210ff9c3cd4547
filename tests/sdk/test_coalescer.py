"""The coalescer's rules, each with its test."""

import asyncio
from collections.abc import Sequence

import pytest

from prism.errors import BackendUnavailable, InternalError, Outcome, PrismError
from prism.sdk import Bounds, Coalescer
from prism.sdk.coalescer import AT_ONCE


class Recorder:
    """A store that remembers its batches, answers each call with its upper case, and fails where told to.

    Attributes:
        batches: every batch run, in order.
        failures: calls that make a batch fail, with the error.
        refusals: calls answered with an error of their own.
        gate: where there is one, batches wait until it is set.
    """

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.failures: dict[str, Exception] = {}
        self.refusals: dict[str, Exception] = {}
        self.gate: asyncio.Event | None = None

    async def run(self, calls: Sequence[str]) -> list[str | Exception]:
        self.batches.append(list(calls))
        if self.gate is not None:
            await self.gate.wait()
        for call in calls:
            if call in self.failures:
                raise self.failures[call]
        return [self.refusals.get(call, call.upper()) for call in calls]

    def coalescer(
        self, *, calls: int = 256, size: int = 1 << 20, in_flight: int = 1, reads: bool = False
    ) -> Coalescer[str, str]:
        return Coalescer(self.run, bounds=Bounds(calls, size, in_flight), reads=reads)


@pytest.fixture
def store() -> Recorder:
    return Recorder()


async def a_turn() -> None:
    """What has been scheduled runs, and what that schedules."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_an_idle_store_is_asked_at_once(store: Recorder) -> None:
    """A call alone waits for nobody."""
    assert await store.coalescer().submit("n", "a") == "A"
    assert store.batches == [["a"]]


async def test_calls_asked_together_go_together(store: Recorder) -> None:
    """Calls of one turn of the loop are one batch, and each gets its own answer."""
    coalescer = store.coalescer()
    assert await asyncio.gather(*(coalescer.submit("n", call) for call in "abc")) == ["A", "B", "C"]
    assert store.batches == [["a", "b", "c"]]


async def test_a_call_joins_only_a_batch_that_has_not_started(store: Recorder) -> None:
    """Calls that arrive while a batch is in flight go together in the next one: they see what it acknowledged."""
    store.gate = asyncio.Event()
    coalescer = store.coalescer()
    first = coalescer.submit("n", "a")
    await a_turn()
    later = [coalescer.submit("n", call) for call in "bc"]
    await a_turn()
    assert store.batches == [["a"]]
    store.gate.set()
    assert await asyncio.gather(first, *later) == ["A", "B", "C"]
    assert store.batches == [["a"], ["b", "c"]]


async def test_so_many_batches_are_in_flight_and_no_more(store: Recorder) -> None:
    """The bound holds, and a place that falls free is taken at once."""
    store.gate = asyncio.Event()
    coalescer = store.coalescer(calls=1, in_flight=2)
    answers = [coalescer.submit("n", call) for call in "abc"]
    await a_turn()
    assert store.batches == [["a"], ["b"]]
    assert coalescer.in_flight == 2
    store.gate.set()
    await asyncio.gather(*answers)
    assert store.batches == [["a"], ["b"], ["c"]]


async def test_a_batch_is_bounded_by_count(store: Recorder) -> None:
    """What does not fit goes in the next one, in order."""
    coalescer = store.coalescer(calls=2)
    await asyncio.gather(*(coalescer.submit("n", call) for call in "abcde"))
    assert store.batches == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_batch_is_bounded_by_bytes(store: Recorder) -> None:
    """A call that would exceed the size waits; one that exceeds it by itself goes alone."""
    coalescer = store.coalescer(size=10)
    sizes = {"a": 6, "b": 4, "c": 1, "d": 50, "e": 1}
    await asyncio.gather(*(coalescer.submit("n", call, size=size) for call, size in sizes.items()))
    assert store.batches == [["a", "b"], ["c"], ["d"], ["e"]]


async def test_namespaces_share_a_batch_fairly(store: Recorder) -> None:
    """A namespace with many calls leaves places to those with few."""
    coalescer = store.coalescer(calls=4)
    flood = [coalescer.submit("busy", f"b{number}") for number in range(6)]
    quiet = [coalescer.submit("quiet", "q0"), coalescer.submit("calm", "c0")]
    await asyncio.gather(*flood, *quiet)
    assert store.batches[0] == ["b0", "q0", "c0", "b1"]


async def test_every_namespace_has_its_turn(store: Recorder) -> None:
    """Where there are more namespaces than places, none is passed over again and again."""
    coalescer = store.coalescer(calls=1)
    answers = [coalescer.submit(namespace, f"{namespace}{number}") for namespace in "xyz" for number in range(3)]
    await asyncio.gather(*answers)
    assert {call[0] for (call,) in store.batches[:3]} == set("xyz")
    assert {call[0] for (call,) in store.batches[3:6]} == set("xyz")


async def test_calls_of_a_namespace_keep_their_order(store: Recorder) -> None:
    """Whatever the bounds, a namespace's calls reach the store as they were asked."""
    coalescer = store.coalescer(calls=3, size=10)
    names = [f"{number:02}" for number in range(40)]
    await asyncio.gather(*(coalescer.submit("n", name, size=int(name) % 11) for name in names))
    assert [call for batch in store.batches for call in batch] == names


async def test_no_two_members_share_a_key(store: Recorder) -> None:
    """A second write of a key waits for the next batch, and nothing of its namespace overtakes it."""
    coalescer = store.coalescer()
    keys = {"a": ["k1"], "b": ["k2"], "c": ["k2", "k3"], "d": ["k4"]}
    answers = [coalescer.submit("n", call, keys=each) for call, each in keys.items()]
    answers.append(coalescer.submit("m", "e", keys=["k5"]))
    await asyncio.gather(*answers)
    assert [sorted(batch) for batch in store.batches] == [["a", "b", "e"], ["c", "d"]]


async def test_members_that_say_so_share_a_key(store: Recorder) -> None:
    """Calls of one `sharing` go together whatever their keys; others with one of these keys wait, before or after."""
    coalescer = store.coalescer()
    one, other = object(), object()
    calls = [("a", one), ("b", one), ("c", other), ("d", one), ("e", None), ("f", one), ("g", one)]
    answers = [coalescer.submit(call, call, keys=["k", call], sharing=sharing) for call, sharing in calls]
    await asyncio.gather(*answers)
    first, *others = store.batches
    assert first == ["a", "b", "d", "f", "g"]
    assert sorted(others) == [["c"], ["e"]]


async def test_after_a_failure_nobody_pays_for_another(store: Recorder) -> None:
    """A batch of which nothing was applied is run again one by one: each caller gets its own outcome."""
    store.failures["b"] = BackendUnavailable("b fails", outcome=Outcome.NOT_APPLIED)
    coalescer = store.coalescer()
    answers = await asyncio.gather(*(coalescer.submit("n", call) for call in "abc"), return_exceptions=True)
    assert answers[::2] == ["A", "C"]
    assert str(answers[1]) == "b fails"
    assert store.batches == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_what_may_have_been_applied_is_not_run_again(store: Recorder) -> None:
    """A write whose outcome nobody knows fails for every member, once."""
    store.failures["b"] = BackendUnavailable("lost", outcome=Outcome.UNKNOWN)
    coalescer = store.coalescer()
    answers = await asyncio.gather(*(coalescer.submit("n", call) for call in "abc"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [BackendUnavailable] * 3
    assert store.batches == [["a", "b", "c"]]


async def test_reads_are_run_again_whatever_happened(store: Recorder) -> None:
    """A read changes nothing, so its batch may be tried one by one after any error."""
    store.failures["b"] = ZeroDivisionError()
    coalescer = store.coalescer(reads=True)
    answers = await asyncio.gather(*(coalescer.submit("n", call) for call in "abc"), return_exceptions=True)
    assert answers[::2] == ["A", "C"]
    assert isinstance(answers[1], ZeroDivisionError)


async def test_a_refusal_is_its_callers_alone(store: Recorder) -> None:
    """An answer that is an exception is raised to that caller, and the batch is not run again."""
    store.refusals["b"] = BackendUnavailable("not you")
    coalescer = store.coalescer()
    answers = await asyncio.gather(*(coalescer.submit("n", call) for call in "abc"), return_exceptions=True)
    assert answers[::2] == ["A", "C"]
    assert str(answers[1]) == "not you"
    assert store.batches == [["a", "b", "c"]]


async def test_callers_share_no_error_object(store: Recorder) -> None:
    """What the gateway notes on one caller's error does not show on another's."""
    store.failures["a"] = BackendUnavailable("lost", outcome=Outcome.UNKNOWN)
    coalescer = store.coalescer()
    first, second = await asyncio.gather(*(coalescer.submit("n", call) for call in "ab"), return_exceptions=True)
    assert isinstance(first, PrismError)
    assert isinstance(second, PrismError)
    first.metadata["namespace"] = "n"
    assert not second.metadata


async def test_who_gives_up_before_the_start_is_not_run(store: Recorder) -> None:
    """A call that nobody waits for any more is dropped from the queue."""
    store.gate = asyncio.Event()
    coalescer = store.coalescer()
    first = coalescer.submit("n", "a")
    await a_turn()
    given_up, kept = coalescer.submit("n", "b"), coalescer.submit("n", "c")
    given_up.cancel()
    store.gate.set()
    assert await asyncio.gather(first, kept) == ["A", "C"]
    assert store.batches == [["a"], ["c"]]


async def test_who_gives_up_takes_nobody_with_it(store: Recorder) -> None:
    """A caller that leaves a batch in flight changes nothing for the others."""
    store.gate = asyncio.Event()
    coalescer = store.coalescer()
    answers = [coalescer.submit("n", call) for call in "abc"]
    await a_turn()
    answers[1].cancel()
    store.gate.set()
    assert await asyncio.gather(answers[0], answers[2]) == ["A", "C"]


async def test_all_who_wait_give_up(store: Recorder) -> None:
    """A queue of the given up runs nothing, and the next call is served."""
    coalescer = store.coalescer()
    for call in "ab":
        coalescer.submit("n", call).cancel()
    await a_turn()
    assert await coalescer.submit("n", "c") == "C"
    assert store.batches == [["c"]]


async def test_too_few_answers_leave_nobody_waiting() -> None:
    """A store that answers less than it was asked is a defect that every caller hears of."""

    async def run(calls: Sequence[str]) -> list[str | Exception]:
        return list(calls[1:])

    coalescer: Coalescer[str, str] = Coalescer(run)
    answers = await asyncio.gather(*(coalescer.submit("n", call) for call in "ab"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [InternalError] * 2


async def test_drain_waits_for_every_answer(store: Recorder) -> None:
    """After it nothing is in flight and nothing waits."""
    coalescer = store.coalescer(calls=2)
    answers = [coalescer.submit("n", call) for call in "abcde"]
    await coalescer.drain()
    assert all(answer.done() for answer in answers)
    assert coalescer.in_flight == 0


@pytest.mark.parametrize("name", ["calls", "size", "in_flight"])
def test_bounds_are_positive(name: str) -> None:
    """A bound of nothing would never serve; the message names it."""
    with pytest.raises(ValueError, match=rf"Bounds\.{name} must be at least 1, not 0"):
        Bounds(**{name: 0})


async def test_the_first_callers_go_on_before_the_last_are_answered(store: Recorder) -> None:
    """The answers of a large batch are given out some in a turn, in order."""
    coalescer = store.coalescer()
    answers = [coalescer.submit("n", f"call {number}") for number in range(2 * AT_ONCE + 1)]
    await answers[0]
    assert [answer.done() for answer in answers] == [True] * AT_ONCE + [False] * (AT_ONCE + 1)
    assert (await asyncio.gather(*answers))[-1] == f"CALL {2 * AT_ONCE}"


async def test_an_end_while_answers_are_given_out_loses_none(store: Recorder) -> None:
    """What the store has done is told to every caller, though the loop is ending."""
    coalescer = store.coalescer()
    answers = [coalescer.submit("n", "a") for _ in range(2 * AT_ONCE)]
    await answers[0]
    ours = asyncio.current_task()
    (batch,) = (task for task in asyncio.all_tasks() if task is not ours)
    batch.cancel()
    await asyncio.wait([batch])
    assert {answer.result() for answer in answers} == {"A"}
