"""A method as a server knows it: its path, its handler, and which way messages stream."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from prism.wire.grpc.status import Code, Status

if TYPE_CHECKING:
    from prism.wire.server.call import ServerCall

_DEADLINE: Final = Status(Code.DEADLINE_EXCEEDED, "the deadline passed before the call ended")

Handler = Callable[["ServerCall"], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class Method:
    """What a server runs for a path such as `/package.Service/Method`.

    `handle` gets the call and returns the response of a method that gives one; None where `server_streaming`, whose
    handler sends with `ServerCall.send`. It ends a call early by raising `StatusError`; it is cancelled when the
    client goes away, gives up or runs out of time; `late` is what the last is answered with.
    """

    path: str
    handle: Handler
    client_streaming: bool = False
    server_streaming: bool = False
    late: Status = _DEADLINE
