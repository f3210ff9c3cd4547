"""Batches: how calls that travel together become the parameters of one statement, and its rows their answers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from prism.backends.postgres import statements
from prism.backends.postgres.lane import Call
from prism.errors import BackendCredentials, BackendUnavailable, DataLoss, Outcome, PrismError
from prism.interfaces.keyvalue import ExistsRequest, GetRequest, GetResponse, PutRequest, PutResponse
from prism.sdk.keyvalue import item, life, pack_metadata, pack_version

Fetch = Callable[..., Awaitable[Sequence[Any]]]
"""Runs a statement with its parameters."""

GetBatch = Callable[[Sequence["Get"]], Awaitable[list[GetResponse | Exception]]]
ExistsBatch = Callable[[Sequence["Get"]], Awaitable[list[list[bytes] | Exception]]]
WriteBatch = Callable[[Sequence["Write"]], Awaitable[list[Any]]]

Kind = Callable[[Fetch, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Carries out writes of a kind in one statement; answers in their order, and raises what the statement does."""


class Get(Call):
    """A Get or an Exists."""

    __slots__ = ("id", "keys", "namespace")

    def __init__(self, namespace: str, request: GetRequest | ExistsRequest) -> None:
        super().__init__()
        self.namespace = namespace.encode()
        self.id = request.id.encode()
        self.keys = request.keys[:]


class Write(Call):
    """A write that goes in batches.

    Attributes:
        kind: carries it out, with others of that kind.
        rows: the primary keys that it writes; in a batch, only writes of one kind may share one, if that can do so.
    """

    __slots__ = ("kind", "rows")

    def __init__(self, kind: Kind, rows: Sequence[tuple[bytes, ...]]) -> None:
        super().__init__()
        self.kind = kind
        self.rows = rows


class Put(Write):
    """A Put."""

    __slots__ = ("items",)

    def __init__(self, namespace: str, request: PutRequest) -> None:
        space, id_ = namespace.encode(), request.id.encode()
        super().__init__(_put, [(space, id_, each.key) for each in request.items])
        self.items = request.items


def get_batch(fetch: Fetch) -> GetBatch:
    """How a batch of Gets is carried out."""

    async def run(calls: Sequence[Get]) -> list[GetResponse | Exception]:
        if len(calls) == 1 and len(calls[0].keys) == 1:
            return [await alone(calls[0])]
        answers: list[GetResponse | Exception] = [GetResponse() for _ in calls]
        places = [(number, key) for number, call in enumerate(calls) for key in call.keys]
        for n, *columns in await fetch(statements.GET, *_asked(calls)):
            number, key = places[n - 1]
            answer = answers[number]
            if isinstance(answer, GetResponse):
                try:
                    answer.items.append(item(key, *columns))
                except DataLoss as error:  # it is this caller's alone
                    answers[number] = error
        return answers

    async def alone(call: Get) -> GetResponse:
        key = call.keys[0]
        rows = await fetch(statements.GET_ONE, call.namespace, call.id, key)
        return GetResponse(items=[item(key, *columns) for columns in rows])

    return run


def exists_batch(fetch: Fetch) -> ExistsBatch:
    """How a batch of Exists is carried out; answers are the keys found."""

    async def run(calls: Sequence[Get]) -> list[list[bytes] | Exception]:
        answers: list[list[bytes]] = [[] for _ in calls]
        places = [(answer, key) for call, answer in zip(calls, answers, strict=True) for key in call.keys]
        for (n,) in await fetch(statements.EXISTS, *_asked(calls)):
            answer, key = places[n - 1]
            answer.append(key)
        return [*answers]

    return run


def _asked(calls: Sequence[Get]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Namespaces, ids and keys, a row for each key."""
    namespaces: list[bytes] = []
    ids: list[bytes] = []
    keys: list[bytes] = []
    for call in calls:
        count = len(call.keys)
        namespaces += [call.namespace] * count
        ids += [call.id] * count
        keys += call.keys
    return namespaces, ids, keys


def write_batch(fetch: Fetch) -> WriteBatch:
    """How a batch of writes is carried out: those of a kind in one statement, one kind after the other."""

    async def run(calls: Sequence[Write]) -> list[Any]:
        kinds: dict[Kind, list[Write]] = {}
        for call in calls:
            kinds.setdefault(call.kind, []).append(call)
        if len(kinds) == 1:
            return [*await calls[0].kind(fetch, calls)]
        answers: dict[Write, Any] = {}
        for kind, members in kinds.items():
            answers.update(zip(members, await outcomes(kind, members), strict=True))
        return [answers[call] for call in calls]

    async def outcomes(kind: Kind, calls: Sequence[Write]) -> Sequence[Any]:
        """The answers, or the errors in their place: what befalls a kind is not of those before it or after."""
        try:
            return await kind(fetch, calls)
        except PrismError as error:
            store_fails = isinstance(error, (BackendUnavailable, BackendCredentials))
            if len(calls) == 1 or store_fails or error.outcome is not Outcome.NOT_APPLIED:
                return [error] * len(calls)
        return [answer for call in calls for answer in await outcomes(kind, [call])]

    return run


async def _put(fetch: Fetch, calls: Sequence[Put]) -> list[PutResponse]:
    rows = iter(await fetch(statements.PUT, *put_arguments(calls), False))
    return [PutResponse(versions=[put_version(next(rows)[0]) for _ in call.rows]) for call in calls]


def put_arguments(calls: Sequence[Put]) -> tuple[list[Any], ...]:
    """The columns of what `calls` write: namespace, id, key, value, metadata, life."""
    columns: tuple[list[Any], ...] = ([], [], [], [], [], [])
    for call in calls:
        for (namespace, id_, key), each in zip(call.rows, call.items, strict=True):
            row = (namespace, id_, key, each.value, pack_metadata(each), life(each))
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    return columns


def put_version(version: int) -> bytes:
    """A version of `statements.PUT` as callers see it; empty for an item that is gone."""
    return pack_version(version) if version else b""
