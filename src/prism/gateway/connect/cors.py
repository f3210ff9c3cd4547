"""Which web pages may call: CORS by policy, off where no origin is listed.

Source: the Fetch standard, "CORS protocol"; connectrpc.com/docs/cors.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from prism.gateway.connect.errors import HttpRefusal
from prism.wire import Code, HttpRequest, HttpResponse

ANY = "*"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+")
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_METHODS = "GET, POST"
_REQUEST_HEADERS = (
    "authorization, connect-protocol-version, connect-timeout-ms, content-encoding, content-type, grpc-encoding, "
    "grpc-timeout, prism-heartbeat, prism-namespace, traceparent, tracestate, x-grpc-web, x-request-id, x-user-agent"
)
_EXPOSED = "grpc-message, grpc-status, grpc-status-details-bin, retry-after, www-authenticate"
_MAX_AGE = "7200"


@dataclass(frozen=True, slots=True)
class Cors:
    """The policy.

    Attributes:
        origins: pages' origins that may call, such as `https://app.example.com`, or `*` for all; empty for none.
        exposed: names of headers that pages may read beside those of the gateway itself.

    Raises:
        ValueError: an origin is not one.
    """

    origins: Sequence[str] = ()
    exposed: Sequence[str] = ()

    def __post_init__(self) -> None:
        for origin in self.origins:
            if origin != ANY and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is not a valid origin: give scheme and host without a path, such as "
                    "'https://app.example.com', or '*' for every page"
                )

    def preflight(self, request: HttpRequest, methods: str = _METHODS) -> HttpResponse | None:
        """The answer to a preflight; None where the request is none, or CORS is off.

        Where other methods than those of operations are given, the page may send what headers it likes: they are data.

        Raises:
            HttpRefusal: the page's origin is not listed.
        """
        origin = request.headers.get("origin")
        if not self.origins or request.method != "OPTIONS" or not origin:
            return None
        if not self._allowed(str(origin)):
            raise HttpRefusal(
                403,
                Code.PERMISSION_DENIED,
                f"web pages of {str(origin)[:100]} are not allowed; add it to gateway.cors.origins, or "
                "to cors_origins of the namespace's policy where that has some",
            )
        wanted = str(request.headers.get("access-control-request-headers", ""))
        asked = wanted if methods != _METHODS and _NAMES.fullmatch(wanted) else _REQUEST_HEADERS
        headers = [
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", asked),
            ("access-control-max-age", _MAX_AGE),
        ]
        return HttpResponse(204, headers, b"")

    def allow(self, request: HttpRequest, response: HttpResponse, exposed: Sequence[str] = ()) -> HttpResponse:
        """The response, readable by the page that asked where its origin is listed; with these headers of its own."""
        if not self.origins:
            return response
        headers = [*response.headers]
        if ANY not in self.origins:
            headers.append(("vary", "origin"))
        origin = request.headers.get("origin")
        if origin and self._allowed(str(origin)):
            headers.append(("access-control-allow-origin", ANY if ANY in self.origins else str(origin)))
            headers.append(("access-control-expose-headers", ", ".join((_EXPOSED, *exposed, *self.exposed))))
        return HttpResponse(response.status, headers, response.body, response.length)

    def _allowed(self, origin: str) -> bool:
        return ANY in self.origins or origin in self.origins
