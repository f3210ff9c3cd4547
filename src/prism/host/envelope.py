"""What `Execute` and `ExecuteStream` carry around an operation's bytes, written by hand: they are on every call.

Source: proto/prism/plugin/v1/plugin.proto; the encoding is that of protocol buffers.
"""

from typing import Final, TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import InvalidArgument, Outcome, PrismError
from prism.interfaces.operation import Operation
from prism.rpc_status import to_rpc_status

Request = TypeVar("Request", pb.ExecuteRequest, pb.ExecuteStreamRequest)

_RESULT_HEAD: Final = b"\x08\x01\x2a"  # success = 1: true; raw_result = 5
_MESSAGE_HEAD: Final = b"\x12"  # raw_result = 2
_PARAMS_HEAD: Final = b"\x1a"  # raw_params = 3
_TYPE_URL: Final = "type.googleapis.com/"
_SHORT = tuple(_RESULT_HEAD + bytes((size,)) for size in range(128))
_SHORT_MESSAGES = tuple(_MESSAGE_HEAD + bytes((size,)) for size in range(128))


def raw_response(result: bytes) -> bytes:
    """An `ExecuteResponse` of success."""
    size = len(result)
    return (_SHORT[size] if size < 128 else _RESULT_HEAD + _varint(size)) + result


def raw_message(result: bytes) -> bytes:
    """An `ExecuteStreamResponse` that carries one message."""
    size = len(result)
    return (_SHORT_MESSAGES[size] if size < 128 else _MESSAGE_HEAD + _varint(size)) + result


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def parsed(message: bytes, kind: type[Request]) -> Request:
    """The request in a message.

    Raises:
        InvalidArgument: it is none.
    """
    try:
        return kind.FromString(message)
    except DecodeError:
        problem = f"the request is not a {kind.DESCRIPTOR.full_name}; send one as plugin.proto says"
        raise InvalidArgument(problem, outcome=Outcome.NOT_APPLIED) from None


def usual_params(message: bytes) -> bytes | None:
    """The parameters in a further `ExecuteStreamRequest` that holds raw ones and no more; else None."""
    if message[:1] != _PARAMS_HEAD:
        return None
    size = shift = 0
    for place in range(1, min(len(message), 6)):
        size |= (message[place] & 0x7F) << shift
        shift += 7
        if message[place] < 0x80:
            begin = place + 1
            return message[begin:] if len(message) - begin == size else None
    return None


def typed_params(params: AnyMessage, operation: Operation) -> bytes:
    """The bytes of parameters that came typed.

    Raises:
        InvalidArgument: they are of another type than the operation takes.
    """
    expected = operation.request.DESCRIPTOR
    if params.TypeName() != expected.full_name:
        found = params.TypeName()[:100] or "no type"
        problem = f"typed_params is a {found}; {operation.name} takes a {expected.full_name}"
        raise InvalidArgument(problem, outcome=Outcome.NOT_APPLIED)
    return params.value


def typed_result(result: bytes, operation: Operation) -> AnyMessage:
    """The result of an operation, for those who sent typed parameters."""
    return AnyMessage(type_url=_TYPE_URL + operation.response.DESCRIPTOR.full_name, value=result)


def typed_message(operation: Operation, result: bytes) -> bytes:
    """An `ExecuteStreamResponse` that carries one message, typed."""
    return pb.ExecuteStreamResponse(typed_result=typed_result(result, operation)).SerializeToString()


def failure(error: PrismError) -> pb.ExecuteResponse:
    """The response of an operation that failed."""
    return pb.ExecuteResponse(error=error.message, error_code=error.code, status=to_rpc_status(error))


def ended_early(error: PrismError) -> bytes:
    """The last message of a stream that failed."""
    return pb.ExecuteStreamResponse(is_final=True, status=to_rpc_status(error)).SerializeToString()
