"""Plain HTTP requests beside gRPC: what a handler gets and gives, the same over HTTP/1.1 and HTTP/2."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from prism.wire.metadata import Metadata
from prism.wire.peer import Peer


@dataclass(slots=True)
class HttpRequest:
    """One request, its body whole and within `max_message_size`.

    `path` is as sent, percent-encoding included, up to the `?`; `query` is what follows it. Header names are lower
    case.
    """

    method: str
    path: str
    query: str
    headers: Metadata
    body: bytes
    peer: Peer
    scheme: str


@dataclass(slots=True)
class HttpResponse:
    """One response. A body that is an iterator is streamed as the client reads, and closed when it goes away.

    `content-length` and what belongs to the connection (`transfer-encoding`, `connection`) are added by the server.
    """

    status: int
    headers: Sequence[tuple[str, str]] = field(default=())
    body: bytes | AsyncIterator[bytes] = b""


HttpHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]
