"""The native heart of the wire against the Python beside it: of the same input, both must make the same."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from typing import Any, Final, Protocol

from prism.wire import Metadata, Method, ServerCall
from prism.wire.client import connection as client_connection
from prism.wire.grpc import heads
from prism.wire.grpc.fields import Fields
from prism.wire.grpc.inbox import Inbox
from prism.wire.grpc.request_head import read_request
from prism.wire.hpack import reference
from prism.wire.hpack.errors import HeaderListTooLarge, HpackError
from prism.wire.http2 import connection as http2_connection
from prism.wire.http2.connection import Connection
from prism.wire.http2.frames import StreamFault
from prism.wire.http2.stream import Receiver
from prism.wire.native import native
from prism.wire.server import connection as server_connection
from wire.fuzz.script import Script
from wire.fuzz.service import Methods
from wire.fuzz.stage import Finding, Pipe, Stage
from wire.fuzz.target_client import ClientTarget
from wire.fuzz.target_server import ServerTarget

_IN_PYTHON: Final[tuple[tuple[Any, str, object], ...]] = (
    (http2_connection, "native", None),
    (http2_connection, "Decoder", reference.Decoder),
    (server_connection, "native", None),
    (client_connection, "native", None),
    (client_connection, "_pack_request", None),
    (heads, "_packer", None),
)
"""What the modules of the wire have where nothing native is installed."""


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Connections that are made in here are in plain Python."""
    before = [getattr(module, name) for module, name, _ in _IN_PYTHON]
    for module, name, plain in _IN_PYTHON:
        setattr(module, name, plain)
    try:
        yield
    finally:
        for (module, name, _), kept in zip(_IN_PYTHON, before, strict=True):
            setattr(module, name, kept)


class _Recorded(Protocol):
    seen: list[object]

    def __call__(self, data: bytes) -> None: ...


class _Both:
    """Plays inputs natively and in Python, each on a stage of its own, so that both start at the same time."""

    def __init__(self, stage: Stage, make: Callable[[Stage], _Recorded]) -> None:
        if native is None:
            raise RuntimeError("there is nothing to compare: prism_native is not installed, or PRISM_NATIVE is 0")
        self._stages = stage, Stage()
        self._stages[1].clock.now = stage.clock.now
        self._targets = [make(each) for each in self._stages]

    def __call__(self, data: bytes) -> None:
        """Raises `Finding` at the first difference."""
        natively = self._play(0, data)
        with in_python():
            expected = self._play(1, data)
        for one, other in zip(natively, expected, strict=False):
            if one != other:
                raise Finding(f"native and in Python: {_difference(one, other)}")
        if len(natively) != len(expected):
            raise Finding(f"{len(natively)} things happened natively, and {len(expected)} in Python")

    def _play(self, which: int, data: bytes) -> list[object]:
        self._stages[which].rule_time()
        target = self._targets[which]
        target.seen = []
        target(data)
        return target.seen


def _difference(one: object, other: object) -> str:
    """Where two records part."""
    if isinstance(one, tuple | list | bytes) and isinstance(other, type(one)) and len(one) == len(other) < 100:
        at = next(at for at, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
        return f"{at}: {_difference(one[at], other[at])}"
    if isinstance(one, bytes) and isinstance(other, bytes):
        same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
        at = len(list(same))
        return f"from octet {at} on, {one[at : at + 200]!r} and {other[at : at + 200]!r}"
    return f"{one!r} and {other!r}"


def _state(pipe: Pipe) -> object:
    """What a connection is in, between two pieces."""
    connection = pipe.protocol
    if not isinstance(connection, Connection):
        return type(connection), bytes(pipe.written)
    budget = connection._flood_budget
    return (
        bytes(pipe.written),
        pipe.reading,
        connection._last_id,
        tuple(connection._streams),
        connection._unparsed,
        connection._data_left,
        connection._yielded,
        connection._completed,
        connection.receiving.window,
        connection.output.window,
        connection.output.backlog,
        b"".join(connection.output.gathered),
        (budget._left, budget._at, budget._completed),
        [_received(stream.receiver) for stream in connection._streams.values()],
    )


def _received(receiver: Receiver | None) -> object:
    """What a stream has taken, and may take."""
    if not isinstance(receiver, Inbox):
        return receiver and (receiver.window, receiver.stored())
    told = receiver.window, receiver.target, receiver.missing, receiver.held, receiver._head, receiver._partial
    return told, receiver._delivered, [(type(each), each) for each in receiver.messages], b"".join(receiver._parts)


class _Watched(Methods):
    """The service, which notes what its handlers get."""

    def __init__(self, seen: list[object]) -> None:
        super().__init__()
        known = self.lookup

        def lookup(path: str) -> Method | None:
            method = known(path)
            return method and dataclasses.replace(method, handle=partial(self._handle, method, seen))

        self.lookup = lookup  # type: ignore[assignment]

    async def _handle(self, method: Method, seen: list[object], call: ServerCall) -> bytes | None:
        seen.append(
            (
                call.path,
                call.stream_id,
                tuple(call.metadata),
                call.opened,
                call.expires,
                call._accepts_gzip,
                call.message,
            )
        )
        return await method.handle(call)


class _RecordedServer(ServerTarget):
    seen: list[object]

    def _service(self) -> Methods:
        return _Watched(self.seen)

    def _look(self, pipe: Pipe) -> None:
        super()._look(pipe)
        self.seen.append(_state(pipe))

    def _check_output(self, script: Script, service: Methods, pipe: Pipe, sent: bytes) -> None:
        self.seen.append((bytes(pipe.written), pipe.aborted, pipe.finished, service.requests))
        super()._check_output(script, service, pipe, sent)


class _RecordedClient(ClientTarget):
    seen: list[object]

    def _look(self, pipe: Pipe) -> None:
        super()._look(pipe)
        self.seen.append(_state(pipe))

    def _ended(self, pipe: Pipe, tasks: list["asyncio.Task[Any]"]) -> None:
        self.seen.append((bytes(pipe.written), pipe.aborted, [repr(task.result()) for task in tasks]))


class BothServersTarget(_Both):
    """One conversation with a server of each kind: both write and hold the same, and their handlers get the same."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, _RecordedServer)


class BothClientsTarget(_Both):
    """One conversation with a client of each kind: both write and hold the same, and their callers get the same."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, _RecordedClient)


_LIST_SIZES: Final = (3000, 200, 16_384, 64)
_TABLE_SIZES: Final = (0, 31, 64, 100, 4096, 8192)
_FIRST_DYNAMIC: Final = 62


class BothDecodersTarget:
    """Blocks in a row, for both decoders: results, errors, sizes, tables and heads of requests are the same."""

    def __init__(self, stage: Stage) -> None:
        self._known = Fields()

    def __call__(self, data: bytes) -> None:
        """The first octet chooses the limit of lists, and whether each block comes twice.

        A block stands behind its length, in one octet; the length 255 stands before a new size of the table.
        """
        assert native is not None
        options = data[0] if data else 0
        limit = _LIST_SIZES[options >> 1 & 3]
        plain, fast = reference.Decoder(4096, limit), native.Decoder(4096, limit)
        heads = native.Decoder(4096, limit)
        heads.read_requests(self._known, Metadata.from_wire)
        at = 1
        while at < len(data):
            length = data[at]
            block = data[at + 1 : at + 1 + length]
            at += 1 + length
            if length == 255:
                size = _TABLE_SIZES[(block[:1] or b"\0")[0] % len(_TABLE_SIZES)]
                for each in (plain, fast, heads):
                    each.set_max_table_size(size)
                at -= 254
                continue
            for _ in range(1 + (options & 1)):
                expected = self._decode(plain, block)
                self._equal(block, self._decode(fast, block), expected)
                self._head(heads, block, expected)
                if isinstance(expected, tuple) and expected[0] is HpackError:
                    return
            self._tables(plain, fast, heads)

    def _decode(self, decoder: Any, block: bytes) -> object:
        try:
            return list(decoder.decode(block))
        except HpackError as error:
            return HpackError, str(error)
        except HeaderListTooLarge as error:
            return HeaderListTooLarge, str(error), error.size

    def _head(self, decoder: Any, block: bytes, expected: object) -> None:
        """`request` says what `read_request` does of the same fields, or leaves them to `decode`."""
        head = decoder.request(block)
        if head is None:
            self._equal(block, self._decode(decoder, block), expected)
            return
        if not isinstance(expected, list):
            raise Finding(f"block {block!r}: the head of a request {head}, and in Python {expected}")
        try:
            wanted = read_request(1, tuple(expected), self._known)
        except StreamFault as fault:
            raise Finding(f"block {block!r}: the head of a request {head}, and in Python {fault.reason}") from fault
        self._equal(block, (*head[:2], tuple(head[2]), *head[3:]), (*wanted[:2], tuple(wanted[2]), *wanted[3:]))

    def _tables(self, plain: Any, *others: Any) -> None:
        """All have the same fields in their tables; to look changes none."""
        for other in others:
            for index in range(_FIRST_DYNAMIC, _FIRST_DYNAMIC + 300):
                block = bytes((0x80 | index,)) if index < 127 else b"\xff" + _continued(index - 127)
                expected = self._decode(plain, block)
                self._equal(block, self._decode(other, block), expected)
                if isinstance(expected, tuple):
                    break

    def _equal(self, block: bytes, got: object, expected: object) -> None:
        if got != expected:
            raise Finding(f"block {block!r}: native {got}, in Python {expected}")


def _continued(rest: int) -> bytes:
    octets = bytearray()
    while rest >= 128:
        octets.append(rest & 127 | 128)
        rest >>= 7
    return bytes((*octets, rest))
