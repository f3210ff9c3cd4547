"""Batches of Cache: how writes of a kind become the parameters of one statement, and its rows their answers.

Writes of a kind on one key go together too, as one row: a key that all callers count on, or fight for, is one write of
the store in each batch. What each of them is answered is as if they had come one after the other.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from prism.backends.postgres import cache_statements as statements
from prism.backends.postgres.batches import Fetch, Kind, Write
from prism.errors import PrismError
from prism.interfaces.cache import (
    DeleteRequest,
    DeleteResponse,
    ExpireRequest,
    ExpireResponse,
    IncrementRequest,
    IncrementResponse,
    SetMode,
    SetRequest,
    SetResponse,
)
from prism.sdk.cache import not_a_counter
from prism.sdk.keyvalue import microseconds

_LARGEST = (1 << 63) - 1


class Set(Write):
    """A Set."""

    __slots__ = ("row",)

    def __init__(self, namespace: str, request: SetRequest) -> None:
        key = (namespace.encode(), request.key)
        super().__init__(_SETS.get(request.mode, _set), (key,))
        self.row = (*key, request.value, _ttl(request))


class Delete(Write):
    """A Delete."""

    __slots__ = ()

    def __init__(self, namespace: str, request: DeleteRequest) -> None:
        space = namespace.encode()
        super().__init__(_delete, [(space, key) for key in dict.fromkeys(request.keys)])


class Expire(Write):
    """An Expire."""

    __slots__ = ("row",)

    def __init__(self, namespace: str, request: ExpireRequest) -> None:
        key = (namespace.encode(), request.key)
        super().__init__(_expire, (key,))
        self.row = (*key, microseconds(request.ttl))


class Increment(Write):
    """An Increment."""

    __slots__ = ("life", "request")

    def __init__(self, namespace: str, request: IncrementRequest) -> None:
        super().__init__(_count_down if request.delta < 0 else _count_up, ((namespace.encode(), request.key),))
        self.request = request
        self.life = _ttl(request)


async def _set(fetch: Fetch, calls: Sequence[Set]) -> list[SetResponse]:
    await fetch(statements.SET, *_columns(_last(calls)))
    return [SetResponse(stored=True) for _ in calls]


async def _set_if_present(fetch: Fetch, calls: Sequence[Set]) -> list[SetResponse]:
    present = {tuple(key) for key in await fetch(statements.SET_IF_PRESENT, *_columns(_last(calls)))}
    return [SetResponse(stored=call.rows[0] in present) for call in calls]


async def _set_if_absent(fetch: Fetch, calls: Sequence[Set]) -> list[SetResponse]:
    first = {call.rows[0]: call for call in reversed(calls)}
    absent = {tuple(key) for key in await fetch(statements.SET_IF_ABSENT, *_columns(first.values()))}
    return [SetResponse(stored=call is first[call.rows[0]] and call.rows[0] in absent) for call in calls]


_SETS: dict[int, Kind] = {
    SetMode.CACHE_SET_MODE_IF_ABSENT: _set_if_absent,
    SetMode.CACHE_SET_MODE_IF_PRESENT: _set_if_present,
}


async def _expire(fetch: Fetch, calls: Sequence[Expire]) -> list[ExpireResponse]:
    present = {tuple(key) for key in await fetch(statements.EXPIRE, *_columns(_last(calls)))}
    return [ExpireResponse(existed=call.rows[0] in present) for call in calls]


async def _delete(fetch: Fetch, calls: Sequence[Delete]) -> list[DeleteResponse]:
    keys = dict.fromkeys(key for call in calls for key in call.rows)
    rows = await fetch(statements.DELETE, *_transposed([*keys]))
    lived = {(namespace, key) for namespace, key, lived in rows if lived}
    answers = []
    for call in calls:
        answers.append(DeleteResponse(count=len(lived.intersection(call.rows))))
        lived.difference_update(call.rows)
    return answers


async def _count(fetch: Fetch, calls: Sequence[Increment]) -> list[IncrementResponse | PrismError]:
    counters: dict[Any, list[Increment]] = {}
    for call in calls:
        counters.setdefault(call.rows[0], []).append(call)
    values = await _added(fetch, counters.values())
    answers: dict[Increment, IncrementResponse | PrismError] = {}
    for key, members in counters.items():
        if key in values:
            answers.update(_steps(members, values[key]))
        elif len(members) == 1:
            answers[members[0]] = not_a_counter(members[0].request)
        else:
            answers.update([(call, await _count_alone(fetch, call)) for call in members])
    return [answers[call] for call in calls]


async def _added(fetch: Fetch, counters: Iterable[Sequence[Increment]]) -> dict[Any, int]:
    """The values of counters after a sum for each, by their keys; without those that were left as they are."""
    sums = [(members[0], sum(call.request.delta for call in members)) for members in counters]
    rows = [(*first.rows[0], delta, first.life) for first, delta in sums if -_LARGEST - 1 <= delta <= _LARGEST]
    found = await fetch(statements.INCREMENT, *_transposed(rows)) if rows else ()
    return {(namespace, key): int(value) for namespace, key, value in found}


def _steps(members: Sequence[Increment], value: int) -> Iterator[tuple[Increment, IncrementResponse]]:
    """What each was answered, had they counted one after the other; the last has led to `value`."""
    for call in reversed(members):
        yield call, IncrementResponse(value=value)
        value -= call.request.delta


async def _count_alone(fetch: Fetch, call: Increment) -> IncrementResponse | PrismError:
    """The answer to one of those whose sum was refused."""
    try:
        (answer,) = await _count(fetch, (call,))
    except PrismError as error:  # it is this caller's alone: others of the batch have been counted
        return error
    return answer


async def _count_up(fetch: Fetch, calls: Sequence[Increment]) -> list[IncrementResponse | PrismError]:
    return await _count(fetch, calls)


async def _count_down(fetch: Fetch, calls: Sequence[Increment]) -> list[IncrementResponse | PrismError]:
    """A kind of its own: where all parts of a sum have one sign, no step leaves a range that the end is in."""
    return await _count(fetch, calls)


Rowed = TypeVar("Rowed", Set, Expire)


def _last(calls: Sequence[Rowed]) -> Iterable[Rowed]:
    """Of those with the same key, the last."""
    return {call.rows[0]: call for call in calls}.values()


def _columns(calls: Iterable[Set | Expire]) -> list[list[Any]]:
    return _transposed([call.row for call in calls])


def _transposed(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """The parameters of a statement, a list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


def _ttl(request: SetRequest | IncrementRequest) -> int | None:
    return microseconds(request.ttl) if request.HasField("ttl") else None
