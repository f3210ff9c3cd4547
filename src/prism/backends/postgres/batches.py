"""Batches: how calls that travel together become the parameters of one statement, and its rows their answers."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from prism.backends.postgres import statements
from prism.backends.postgres.lane import Call
from prism.errors import DataLoss
from prism.interfaces.keyvalue import ExistsRequest, GetRequest, GetResponse, PutRequest, PutResponse
from prism.sdk.keyvalue import item, life, pack_metadata, pack_version

Fetch = Callable[..., Awaitable[Sequence[Any]]]
"""Runs a statement with its parameters."""

GetBatch = Callable[[Sequence["Get"]], Awaitable[list[GetResponse | Exception]]]
ExistsBatch = Callable[[Sequence["Get"]], Awaitable[list[list[bytes] | Exception]]]
PutBatch = Callable[[Sequence["Put"]], Awaitable[list[PutResponse | Exception]]]


class Get(Call):
    """A Get or an Exists."""

    __slots__ = ("id", "keys", "namespace")

    def __init__(self, namespace: str, request: GetRequest | ExistsRequest) -> None:
        super().__init__()
        self.namespace = namespace.encode()
        self.id = request.id.encode()
        self.keys = request.keys[:]


class Put(Call):
    """A Put.

    Attributes:
        rows: the primary keys that it writes; no two members of a batch may share one.
    """

    __slots__ = ("items", "rows")

    def __init__(self, namespace: str, request: PutRequest) -> None:
        super().__init__()
        self.items = request.items
        space, id_ = namespace.encode(), request.id.encode()
        self.rows = [(space, id_, each.key) for each in request.items]


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


def put_batch(fetch: Fetch) -> PutBatch:
    """How a batch of Puts is carried out."""

    async def run(calls: Sequence[Put]) -> list[PutResponse | Exception]:
        rows = iter(await fetch(statements.PUT, *put_arguments(calls), False))
        return [PutResponse(versions=[put_version(next(rows)[0]) for _ in call.rows]) for call in calls]

    return run


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
