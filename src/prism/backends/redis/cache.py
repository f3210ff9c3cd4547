"""Cache on Redis: each entry is a string of its own that expires by Redis' clock, and may be evicted by its policy."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import redis.exceptions as driver
from google.protobuf.duration_pb2 import Duration

from prism.backends.redis.commands.server import Command, Server
from prism.backends.redis.data.layout import Names
from prism.errors import InternalError, Outcome, PrismError
from prism.interfaces.cache import (
    Cache,
    Context,
    DeleteRequest,
    DeleteResponse,
    Entry,
    ExistsRequest,
    ExistsResponse,
    ExpireRequest,
    ExpireResponse,
    GetRequest,
    GetResponse,
    IncrementRequest,
    IncrementResponse,
    MGetRequest,
    MGetResponse,
    SetMode,
    SetRequest,
    SetResponse,
    Ttl,
    TtlRequest,
    TtlResponse,
)
from prism.sdk import Bounds, Coalescer
from prism.sdk.cache import check_mode, fitting_entries, not_a_counter
from prism.sdk.deadline import check_time
from prism.sdk.keyvalue import microseconds

_READS = Bounds(calls=256, in_flight=2)
_WRITES = Bounds(calls=256, in_flight=2)
_MODES = {SetMode.CACHE_SET_MODE_IF_ABSENT: (b"NX",), SetMode.CACHE_SET_MODE_IF_PRESENT: (b"XX",)}


class RedisCache(Cache, Ttl):
    """Serves Cache from one Redis, or one cluster."""

    def __init__(self, server: Server, names: Names) -> None:
        self._server = server
        self._name = names.cached
        self._reads: Coalescer[Sequence[bytes], list[bytes | None]] = Coalescer(
            self._read_all, bounds=_READS, reads=True
        )
        self._writes: Coalescer[Command, Any] = Coalescer(self._write_all, bounds=_WRITES)

    async def drain(self) -> None:
        """Waits until what has begun is answered."""
        await self._reads.drain()
        await self._writes.drain()

    async def get(self, request: GetRequest, context: Context) -> GetResponse:
        check_time(context, writes=False)
        names = (self._name(context.namespace, request.key),)
        (value,) = await self._reads.submit(context.namespace, names)
        return GetResponse(value=value)

    async def m_get(self, request: MGetRequest, context: Context) -> MGetResponse:
        check_time(context, writes=False)
        names = [self._name(context.namespace, key) for key in request.keys]
        values = await self._reads.submit(context.namespace, names)
        found = zip(request.keys, values, strict=True)
        entries = (Entry(key=key, value=value) for key, value in found if value is not None)
        return MGetResponse(entries=fitting_entries(entries))

    async def _read_all(self, calls: Sequence[Sequence[bytes]]) -> Sequence[list[bytes | None] | Exception]:
        names = [name for call in calls for name in call]
        if self._server.spans_slots:
            (values,) = await self._run([(b"MGET", *names)], None, writes=False)
            return _shared_out(values, calls)
        values = await self._server.run([(b"GET", name) for name in names], writes=False)
        return [next(_failures(answer), answer) for answer in _shared_out(values, calls)]

    async def set(self, request: SetRequest, context: Context) -> SetResponse:
        check_time(context, writes=True)
        check_mode(request)
        life = (b"PX", _milliseconds(request.ttl)) if request.HasField("ttl") else ()
        name = self._name(context.namespace, request.key)
        command = (b"SET", name, request.value, *life, *_MODES.get(request.mode, ()))
        answer = await self._write(context, command, len(request.value))
        return SetResponse(stored=answer is not None)

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse:
        check_time(context, writes=True)
        commands = [(b"DEL", self._name(context.namespace, key)) for key in dict.fromkeys(request.keys)]
        answers = await self._server.run(commands, writes=True, namespace=context.namespace)
        return DeleteResponse(count=sum(_all_or_unknown(answers)))

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse:
        check_time(context, writes=False)
        commands = [(b"EXISTS", self._name(context.namespace, key)) for key in request.keys]
        answers = await self._run(commands, context, writes=False)
        return ExistsResponse(keys=[key for key, there in zip(request.keys, answers, strict=True) if there])

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse:
        check_time(context, writes=True)
        name = self._name(context.namespace, request.key)
        existed = await self._write(context, (b"PEXPIRE", name, _milliseconds(request.ttl)))
        return ExpireResponse(existed=bool(existed))

    async def ttl(self, request: TtlRequest, context: Context) -> TtlResponse:
        check_time(context, writes=False)
        (left,) = await self._run([(b"PTTL", self._name(context.namespace, request.key))], context, writes=False)
        if left < 0:  # -1: it does not expire; -2: it is missing
            return TtlResponse(exists=left == -1)
        seconds, milliseconds = divmod(left, 1000)
        return TtlResponse(exists=True, ttl=Duration(seconds=seconds, nanos=milliseconds * 1_000_000))

    async def increment(self, request: IncrementRequest, context: Context) -> IncrementResponse:
        check_time(context, writes=True)
        name = self._name(context.namespace, request.key)
        commands: list[Command] = [(b"INCRBY", name, request.delta)]
        if request.HasField("ttl"):
            # The entry begins, with its time to live, where it is missing; then it is counted up. In this order the
            # counter never lives without an end.
            commands.insert(0, (b"SET", name, 0, b"PX", _milliseconds(request.ttl), b"NX"))
        answers = await self._server.run(commands, writes=True, namespace=context.namespace)
        for answer in answers:
            if isinstance(answer, InternalError) and isinstance(answer.__cause__, driver.ResponseError):
                raise not_a_counter(request) from answer
        return IncrementResponse(value=_all_or_unknown(answers)[-1])

    async def _write(self, context: Context, command: Command, size: int = 0) -> Any:
        return await self._writes.submit(context.namespace, command, size=size)

    async def _write_all(self, commands: Sequence[Command]) -> Sequence[Any]:
        return await self._server.run(commands, writes=True)

    async def _run(self, commands: Sequence[Command], context: Context | None, *, writes: bool) -> list[Any]:
        """What all of them are answered; no `context` for a batch of many calls'."""
        namespace = "" if context is None else context.namespace
        answers = await self._server.run(commands, writes=writes, namespace=namespace)
        for failure in _failures(answers):
            raise failure
        return answers


def _all_or_unknown(answers: list[Any]) -> list[Any]:
    """The answers to several writes; when only some of them failed, none can say that nothing was applied."""
    failures = list(_failures(answers))
    for failure in failures:
        if len(failures) < len(answers) and isinstance(failure, PrismError):
            failure.outcome = Outcome.UNKNOWN
        raise failure
    return answers


def _shared_out(values: Iterable[Any], calls: Sequence[Sequence[bytes]]) -> list[list[Any]]:
    following = iter(values)
    return [list(islice(following, len(call))) for call in calls]


def _failures(answers: Sequence[Any]) -> Iterator[Exception]:
    return (answer for answer in answers if isinstance(answer, Exception))


def _milliseconds(ttl: Duration) -> int:
    """A time to live in Redis' unit, rounded up: nothing expires before its time."""
    return -(-microseconds(ttl) // 1000)
