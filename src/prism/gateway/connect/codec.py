"""The two codecs of the Connect protocol, from a table: messages as JSON, and as the protobuf bytes they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prism.gateway.connect import json_codec
from prism.interfaces.operation import Operation


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to write messages.

    Attributes:
        name: as content types and the query `encoding` give it.
        decode: body -> payload; raises InvalidArgument.
        encode: payload -> body.
    """

    name: str
    decode: Callable[[bytes, Operation], bytes]
    encode: Callable[[bytes, Operation], bytes]

    @property
    def unary_type(self) -> str:
        """The content type of unary requests and responses."""
        return f"application/{self.name}"

    @property
    def stream_type(self) -> str:
        """The content type of streaming requests and responses."""
        return f"application/connect+{self.name}"


def _from_json(body: bytes, operation: Operation) -> bytes:
    return json_codec.decode(body, operation.request).SerializeToString()


def _to_json(payload: bytes, operation: Operation) -> bytes:
    return json_codec.encode(operation.response.FromString(payload))


def as_it_is(message: bytes, _operation: Operation) -> bytes:
    """The protobuf bytes themselves."""
    return message


CODECS: Mapping[str, Codec] = {
    codec.name: codec for codec in (Codec("json", _from_json, _to_json), Codec("proto", as_it_is, as_it_is))
}
_TYPES = {each for codec in CODECS.values() for each in (codec.unary_type, codec.stream_type)}


def is_of_connect(content_type: str) -> bool:
    """Whether who sends this reads answers as the Connect protocol has them."""
    return content_type.partition(";")[0].strip().lower() in _TYPES
