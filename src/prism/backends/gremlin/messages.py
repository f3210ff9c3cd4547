"""What goes over the WebSocket: requests and responses in GraphBinary, by the serializers of gremlinpython.

Instants are whole milliseconds in GraphBinary, which gremlinpython makes naive datetimes of by way of doubles; here
they stay numbers.

Source: Apache TinkerPop, "Provider Documentation", Graph Driver Provider Requirements; "IO Reference", GraphBinary.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.traversal import Bytecode, Traverser
from gremlin_python.structure.io import graphbinaryV1

DONE: Final = frozenset({200, 204})
MORE: Final = 206
CHALLENGE: Final = 407

_LONG: Final = struct.Struct(">q")
_ID: Final = slice(2, 18)
"""Where a response has the id of its request: behind the version, and a flag that says that it is there."""


class Millis(int):
    """An instant: milliseconds since 1970."""


class _MillisIO(graphbinaryV1._GraphBinaryTypeIO):  # type: ignore[misc]  # the driver has no types; `_`: not for all its users
    """Reads and writes such an instant as a date."""

    python_type = Millis
    graphbinary_type = graphbinaryV1.DataType.date

    @classmethod
    def dictify(cls, obj: Millis, _writer: Any, to_extend: Any, as_value: bool = False, nullable: bool = True) -> Any:
        """As the driver calls it."""
        cls.prefix_bytes(cls.graphbinary_type, as_value, nullable, to_extend)
        to_extend.extend(_LONG.pack(obj))
        return to_extend

    @classmethod
    def objectify(cls, buff: Any, reader: Any, nullable: bool = True) -> Any:
        """As the driver calls it."""
        return cls.is_null(buff, reader, lambda b, _: Millis(_LONG.unpack(b.read(8))[0]), nullable)


_SERIALIZERS: Final = GraphBinarySerializersV1(
    reader=graphbinaryV1.GraphBinaryReader(
        {graphbinaryV1.DataType.date: _MillisIO, graphbinaryV1.DataType.timestamp: _MillisIO}
    ),
    writer=graphbinaryV1.GraphBinaryWriter({Millis: _MillisIO}),
)


class Page(NamedTuple):
    """One response.

    Attributes:
        code: its status.
        said: the server's words.
        classes: names of the exceptions that it tells of.
        results: what it brings.
    """

    code: int
    said: str
    classes: tuple[str, ...]
    results: list[Any]


def transaction(what: str) -> Bytecode:
    """`commit` or `rollback` of a session."""
    code = Bytecode()
    code.source_instructions.append(["tx", what])
    return code


def request(identity: UUID, processor: str, op: str, args: Mapping[str, Any]) -> bytes:
    """A request, as it is sent."""
    message: bytes = _SERIALIZERS.build_message(identity, processor, op, dict(args))
    return message


def about(response: bytes) -> bytes:
    """The id of the request that a response answers."""
    return response[_ID] if len(response) >= _ID.stop and not response[1] else b""


def page(response: bytes) -> Page:
    """A response, as it came."""
    found = _SERIALIZERS.deserialize_message(response)
    status = found["status"]
    data = found["result"]["data"]
    results: list[Any] = []
    for each in data if isinstance(data, list) else ():
        results.extend([each.object] * each.bulk if isinstance(each, Traverser) else [each])
    classes = status["attributes"].get("exceptions") or ()
    return Page(status["code"], status["message"] or "", tuple(map(str, classes)), results)
