"""The envelope of a call to a plugin elsewhere: written by hand around the untouched message, read by hand.

What repeats (operation, namespace, instance) is encoded once. A response of the usual form is recognised by its first
three bytes; any other is parsed by the protobuf library. The two must agree: tests/plugins/test_envelope.py.

Source: proto/prism/plugin/v1/plugin.proto, and https://protobuf.dev/programming-guides/encoding.
"""

from google.protobuf.message import DecodeError

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.context import Claims, Context, claims_text

EXECUTE = "/prism.plugin.v1.BackendPlugin/Execute"
EXECUTE_STREAM = "/prism.plugin.v1.BackendPlugin/ExecuteStream"

_OPERATION = b"\x0a"  # operation = 1, a string
_RAW_PARAMS = b"\x1a"  # raw_params = 3, bytes
_METADATA = b"\x22"  # metadata = 4, an entry of a map
_KEY = b"\x0a"
_VALUE = b"\x12"
_USUAL = b"\x08\x01\x2a"  # success = 1: true, then raw_result = 5
_STREAMED = b"\x12"  # raw_result = 2 of ExecuteStreamResponse
_SHORT = 0x80
DRAIN = b"\x28\x01"
"""An `ExecuteStreamRequest` that says drain = 5: true, and nothing else."""
_KEPT = 20_000
"""Encoded namespaces, and callers, that are kept: a gateway has ten thousand, and none costs more than its name twice
over."""
_TRACEPARENT = 55
"""Characters of a `traceparent` (W3C Trace Context, version 00): what stands before one is always the same."""


class Envelopes:
    """The envelopes of one instance."""

    __slots__ = ("_claims", "_instance", "_namespaces", "_operations", "_principals", "_tokens")

    def __init__(self, instance: str, *, claims: bool = False) -> None:
        """
        Args:
            instance: its name in the plugin's process.
            claims: callers' claims go with their names.
        """
        self._claims = claims
        self._tokens: dict[str, tuple[Claims, bytes]] = {}
        self._instance = entry("prism-instance", instance)
        self._operations: dict[str, bytes] = {}
        self._namespaces: dict[str, bytes] = {}
        self._principals: dict[str, bytes] = {}

    def write(self, operation: str, payload: bytes, context: Context) -> bytes:
        """An `ExecuteRequest`, and just as well the first `ExecuteStreamRequest`: their fields are the same."""
        head = self._operations.get(operation) or self._operation(operation)
        where = self._namespaces.get(context.namespace) or self._namespace(context.namespace)
        size = len(payload)
        traceparent = context.traceparent
        if context.principal or traceparent:
            where += self._caller(context, traceparent)
        return b"".join((head, where, _RAW_PARAMS, varint(size), payload))

    def open(self, operation: str, context: Context) -> bytes:
        """A first `ExecuteStreamRequest` that names the operation and carries no request."""
        head = self._operations.get(operation) or self._operation(operation)
        where = self._namespaces.get(context.namespace) or self._namespace(context.namespace)
        return head + where + self._caller(context, context.traceparent)

    def _operation(self, operation: str) -> bytes:
        # Bounded: only operations of the contract get here, and they are few.
        head = self._operations[operation] = _OPERATION + _sized(operation.encode())
        return head

    def _namespace(self, namespace: str) -> bytes:
        if len(self._namespaces) >= _KEPT:
            self._namespaces.clear()
        where = self._namespaces[namespace] = entry("prism-namespace", namespace) + self._instance
        return where

    def _caller(self, context: Context, traceparent: str) -> bytes:
        principal = context.principal
        more = (self._principals.get(principal) or self._principal(principal)) if principal else b""
        if self._claims and (claims := context.claims):
            more += self._token(principal, claims)
        if not traceparent:
            return more
        usual = len(traceparent) == _TRACEPARENT and traceparent.isascii()
        more += _BEFORE_TRACEPARENT + traceparent.encode() if usual else entry("traceparent", traceparent)
        return more + entry("tracestate", state) if (state := context.tracestate) else more

    def _principal(self, principal: str) -> bytes:
        if len(self._principals) >= _KEPT:
            self._principals.clear()
        who = self._principals[principal] = entry("prism-principal", principal)
        return who

    def _token(self, principal: str, claims: Claims) -> bytes:
        """The claims of a caller, encoded once for each token: the gateway keeps what it found of one."""
        known = self._tokens.get(principal)
        if known is None or known[0] is not claims:
            if len(self._tokens) >= _KEPT:
                self._tokens.clear()
            known = self._tokens[principal] = (claims, entry("prism-claims", claims_text(claims)))
        return known[1]


def further(payload: bytes) -> bytes:
    """An `ExecuteStreamRequest` after the first one."""
    return _RAW_PARAMS + varint(len(payload)) + payload


def entry(key: str, value: str) -> bytes:
    """One entry of `metadata`."""
    return _METADATA + _sized(_KEY + _sized(key.encode()) + _VALUE + _sized(value.encode("utf-8", "replace")))


def _sized(content: bytes) -> bytes:
    return varint(len(content)) + content


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    if number < _SHORT:
        return _SHORT_ONES[number]
    out = bytearray()
    while number >= _SHORT:
        out.append(number & 0x7F | _SHORT)
        number >>= 7
    out.append(number)
    return bytes(out)


def usual_result(response: bytes) -> bytes | None:
    """The result in an `ExecuteResponse` that holds success and a raw result, in this order, and no more; else None."""
    return _rest(response, 3) if response.startswith(_USUAL) else None


def usual_item(response: bytes) -> bytes | None:
    """The result in an `ExecuteStreamResponse` that holds a raw result and no more; else None."""
    return _rest(response, 1) if response.startswith(_STREAMED) else None


def _rest(response: bytes, start: int) -> bytes | None:
    """What follows a length at `start`, if it is all that follows."""
    size = shift = 0
    for index in range(start, min(start + 5, len(response))):
        byte = response[index]
        size |= (byte & 0x7F) << shift
        if byte < _SHORT:
            begin = index + 1
            return response[begin:] if len(response) - begin == size else None
        shift += 7
    return None


def read(response: bytes) -> pb.ExecuteResponse | None:
    """Any `ExecuteResponse`; None where the bytes are not one."""
    try:
        return pb.ExecuteResponse.FromString(response)
    except DecodeError:
        return None


def read_item(response: bytes) -> pb.ExecuteStreamResponse | None:
    """Any `ExecuteStreamResponse`; None where the bytes are not one."""
    try:
        return pb.ExecuteStreamResponse.FromString(response)
    except DecodeError:
        return None


def result_of(message: pb.ExecuteResponse | pb.ExecuteStreamResponse) -> bytes | None:
    """The bytes of the result, raw or typed; None where there is none."""
    kind = message.WhichOneof("result")
    if kind == "raw_result":
        return message.raw_result
    return message.typed_result.value if kind == "typed_result" else None


_SHORT_ONES = tuple(bytes((number,)) for number in range(_SHORT))
_BEFORE_TRACEPARENT = entry("traceparent", "0" * _TRACEPARENT)[:-_TRACEPARENT]
