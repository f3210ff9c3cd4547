"""Plain HTTP requests beside gRPC: what a handler gets and gives, the same over HTTP/1.1 and HTTP/2."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from time import monotonic, time

from prism.wire.grpc.metadata import Metadata
from prism.wire.peer import Peer


@dataclass(slots=True)
class HttpRequest:
    """One request, its body whole and within `max_body_size`; or its messages as they come, see `MessageBodies`.

    `path` is as sent, percent-encoding included, up to the `?`; `query` is what follows it. Header names are lower
    case. `begun` is when its head had come, by `time.monotonic`: a deadline of the client's counts from there. `duplex`
    says that the client can read the response while it sends the request, as HTTP/2 has it. `messages` is to be read by
    one task; it raises `StatusError` at one that cannot be read. `pieces` is the same for a body of bytes, see
    `RawBodies`; a client that waits for `100 Continue` has it with the first read. `length` is what it was announced
    to have; None where that was not said.
    """

    method: str
    path: str
    query: str
    headers: Metadata
    body: bytes
    peer: Peer
    scheme: str
    begun: float = field(default_factory=monotonic)
    duplex: bool = False
    messages: AsyncIterator[bytes] | None = None
    pieces: AsyncIterator[bytes] | None = None
    length: int | None = None


@dataclass(slots=True)
class HttpResponse:
    """One response. A body that is an iterator is streamed as the client reads, and closed when it goes away.

    `content-length` and what belongs to the connection (`transfer-encoding`, `connection`) are added by the server.
    `length` is that of a body that is streamed, or that the answer to HEAD would have. An iterator that raises
    `AnswerCutOff`, or gives less than that, has the connection closed or the stream reset.
    """

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None


class AnswerCutOff(Exception):
    """An answer that has begun cannot be completed, for a reason that its handler knows and has told."""


HttpHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]

MessageBodies = Callable[[HttpRequest], str | None]
"""Says of a request, whose body has not come, whether its handler begins at once and reads the body as a stream of
messages in envelopes (a byte of flags, four of length), as they come: what they are compressed with, empty for nothing.
None: the handler gets the body whole."""

RawBodies = Callable[[HttpRequest], bool]
"""Says of a request, whose body has not come, whether its handler begins at once and reads the body as bytes, as they
come; of any length, and for as long as some come."""

# What belongs to the connection, and is not a handler's to say (RFC 9113 section 8.2.2).
_OURS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "content-length"})
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(r"([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_NO_BODY = frozenset({204, 304})


def failure(status: int, message: str) -> HttpResponse:
    """A response of the server's own, in plain text."""
    return HttpResponse(status, [("content-type", "text/plain; charset=utf-8")], f"{message}\n".encode())


def response_fields(response: HttpResponse) -> list[tuple[bytes, bytes]]:
    """The header fields of a response: the handler's, and those that the server adds.

    Raises `ValueError` where one cannot travel.
    """
    fields = []
    for name, value in response.headers:
        lower = name.lower()
        if not _NAME.fullmatch(lower) or not _VALUE.fullmatch(value):
            raise ValueError(
                f"response header {name!r} has a name or value that HTTP does not allow; correct the handler that "
                "sets it"
            )
        if lower not in _OURS:
            fields.append((lower.encode("ascii"), value.encode("latin-1")))
    length = len(response.body) if response.length is None and isinstance(response.body, bytes) else response.length
    if length is not None and response.status not in _NO_BODY:
        fields.append((b"content-length", b"%d" % length))
    fields.append((b"date", _date(int(time()))))
    return fields


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
