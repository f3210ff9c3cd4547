"""A request of HTTP/1.1 while it is collected: whether it is accepted, and what its handler gets of it."""

from time import monotonic
from typing import Final

import h11

from prism.wire.config import SLOWEST, ServerConfig
from prism.wire.grpc.fields import CUSTOM, CUSTOM_MANY, Fields
from prism.wire.grpc.metadata import Metadata, Value
from prism.wire.grpc.request_head import FOR_HANDLERS
from prism.wire.http.message import HttpRequest
from prism.wire.peer import Peer

_MAX_DIGITS: Final = 18  # of a length
_FIELD_OVERHEAD: Final = 32  # what a field counts beyond its bytes, as in HTTP/2 (RFC 9113 section 6.5.2)
_GRPC_ONLY: Final = "This port speaks gRPC, over HTTP/2: call it with a gRPC client."
_NEEDS_HTTP2: Final = "gRPC needs HTTP/2: call this port with a gRPC client, or send application/json."
_TWO_LENGTHS: Final = "Content-Length and Transfer-Encoding are both set: send one of them."
"""RFC 9112 section 6.3: a proxy before this port may have gone by the other one."""


class Rejected(Exception):
    """The request is answered with a status and a sentence, without a handler."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class Http1Request:
    """A head, and as much of the body as has come; `begun` is when the head had."""

    __slots__ = ("_body", "_config", "_head", "begun")

    def __init__(self, head: h11.Request, config: ServerConfig) -> None:
        self._head = head
        self._config = config
        self._body = bytearray()
        self.begun = monotonic()

    @property
    def target(self) -> str:
        """What the request line asks for."""
        return self._head.target.decode("latin-1")

    @property
    def content_type(self) -> str:
        """What its body says it is; empty where it says nothing."""
        return dict(self._head.headers).get(b"content-type", b"").decode("latin-1")

    @property
    def asks_for_head(self) -> bool:
        """Whether its answer has no body."""
        return self._head.method == b"HEAD"

    @property
    def time_allowed(self) -> float:
        """Seconds from the head until the body must be whole, as far as it has come."""
        return self._config.message_timeout + len(self._body) / SLOWEST

    @property
    def size(self) -> int:
        """The bytes of its body that have come."""
        return len(self._body)

    def check(self, *, served: bool) -> None:
        """Look at the head; `served`: there is a handler. Raises `Rejected`."""
        head, config = self._head, self._config
        headers = dict(head.headers)
        content_type = headers.get(b"content-type", b"")
        # h11 bounds only a head that is not complete, and a single read may hold a much longer one.
        size = sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in head.headers)
        if size + len(head.target) > config.max_header_list_size:
            raise Rejected(
                431,
                f"The request's headers are over the limit of {config.max_header_list_size} bytes: send fewer or "
                "shorter ones.",
            )
        if not served:
            raise Rejected(400, _GRPC_ONLY)
        if content_type.startswith(b"application/grpc") and not content_type.startswith(b"application/grpc-web"):
            raise Rejected(505, _NEEDS_HTTP2)
        if b"transfer-encoding" in headers and b"content-length" in headers:
            raise Rejected(400, _TWO_LENGTHS)
        if head.method == b"CONNECT":
            raise Rejected(501, "CONNECT is not supported: this server is not a proxy.")

    @property
    def length(self) -> int | None:
        """Bytes that its body is to have; None where only its end will show. Raises `Rejected`."""
        headers = dict(self._head.headers)
        length = headers.get(b"content-length", b"0")
        if len(length) > _MAX_DIGITS:
            raise self._too_large()
        return None if b"transfer-encoding" in headers else int(length)

    def check_length(self) -> None:
        """Look at the length that its body is to have. Raises `Rejected`."""
        if (self.length or 0) > self._config.body_limit():
            raise self._too_large()

    @property
    def body(self) -> bytes:
        """What of its body has come."""
        return bytes(self._body)

    def take(self, data: bytes) -> None:
        """Take a piece of the body. Raises `Rejected` where there is too much."""
        if len(self._body) + len(data) > self._config.body_limit():
            raise self._too_large()
        self._body += data

    def _too_large(self) -> Rejected:
        return Rejected(413, f"The body is over the limit of {self._config.body_limit()} bytes: send a smaller one.")

    def read(self, known_fields: Fields, peer: Peer) -> HttpRequest:
        """The request, without its body."""
        target = self.target
        if not target.startswith("/") and "://" in target:
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        path, _, query = target.partition("?")
        pairs: list[tuple[str, Value]] = []
        for name, value in self._head.headers:
            kind, read = known_fields[name, value]
            if kind == CUSTOM:
                pairs.append(read)
            elif kind == CUSTOM_MANY:
                pairs.extend(read)
            elif name == b"content-type":
                pairs.append(("content-type", value.decode("latin-1")))
            elif name in FOR_HANDLERS:
                pairs.append((name.decode("latin-1"), value.decode("latin-1")))
        return HttpRequest(
            self._head.method.decode("latin-1"),
            path,
            query,
            Metadata.from_wire(tuple(pairs)),
            b"",
            peer,
            "https" if peer.tls else "http",
            self.begun,
        )
