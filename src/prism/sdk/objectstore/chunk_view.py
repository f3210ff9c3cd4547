"""Chunks with fewer copies: a view of a request as it came, a response that is made around its bytes.

A message is copied twice, into protobuf's memory and out of it. What is not a chunk and nothing else, in protobuf's
plain form, is left to protobuf.
"""

from typing import Any, Final

from prism.interfaces.objectstore import GetResponse, PutPartRequest, PutRequest

_TAG: Final = PutRequest.DESCRIPTOR.fields_by_name["chunk"].number << 3 | 2
if {each.DESCRIPTOR.fields_by_name["chunk"].number << 3 | 2 for each in (PutPartRequest, GetResponse)} != {_TAG}:
    raise TypeError("a chunk has the same number in every stream of ObjectStore")


class ChunkView:
    """What is asked of a request or response that is a chunk.

    Attributes:
        chunk: its bytes.
    """

    __slots__ = ("chunk",)

    def __init__(self, chunk: bytes | memoryview) -> None:
        self.chunk = chunk

    def SerializeToString(self) -> bytes:  # noqa: N802  # protobuf's name
        """As protobuf writes it."""
        head, length = bytearray([_TAG]), len(self.chunk)
        while length >= 0x80:
            head.append(length & 0x7F | 0x80)
            length >>= 7
        head.append(length)
        return b"".join((head, self.chunk))

    def WhichOneof(self, _oneof: str) -> str:  # noqa: N802  # as above
        """The alternative that is set."""
        return "chunk"

    def HasField(self, name: str) -> bool:  # noqa: N802  # as above
        """Whether an alternative is set."""
        return name == "chunk"


def chunk_view(payload: bytes, most: int) -> Any:
    """The request as a view; None where it is something else, or its chunk has more than `most` bytes."""
    if len(payload) < 2 or payload[0] != _TAG:
        return None
    length, place, shift = 0, 1, 0
    for octet in payload[1:6]:
        place += 1
        length |= (octet & 0x7F) << shift
        if octet < 0x80:
            break
        shift += 7
    else:
        return None  # a length that does not end
    if place + length != len(payload) or length > most:
        return None
    return ChunkView(memoryview(payload)[place:])
