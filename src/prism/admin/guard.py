"""Keeps web pages out of the admin port. Its authentication may be disabled, and a browser on this machine reaches it
as its user does: a page of any site could send it requests, directly or by a name of its own that resolves to 127.0.0.1
(DNS rebinding). With TLS such a name is not in the certificate, and the browser turns back by itself. gRPC needs no
guard: a page can send its content type to another site only where that allows it, and this one never does.

Source: the Fetch standard, "CORS protocol" and `Sec-Fetch-Site`; RFC 9110 section 7.2, `Host`.
"""

import ipaddress
import re
from collections.abc import Callable

from prism.gateway.connect.errors import HttpRefusal
from prism.wire import Code, HttpHandler, HttpRequest, HttpResponse

_HOST = re.compile(r"(?P<name>\[[^\]]*\]|[^:\[\]]*)(:\d{1,5})?", re.ASCII)
_SHOWN = 100
_ANSWERED_WITH = (("x-content-type-options", "nosniff"), ("cross-origin-resource-policy", "same-origin"))

Refused = Callable[[HttpRequest, HttpRefusal], None]
"""Called with a request that was refused."""


class Guard:
    """An `HttpHandler` before another: passes on what a web page of another site cannot have sent."""

    def __init__(self, inner: HttpHandler, refused: Refused) -> None:
        self._inner = inner
        self._refused = refused

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        try:
            check(request)
        except HttpRefusal as refusal:
            self._refused(request, refusal)
            response = refusal.response()
        else:
            response = await self._inner(request)
        return HttpResponse(response.status, [*response.headers, *_ANSWERED_WITH], response.body)


def check(request: HttpRequest) -> None:
    """Passes a request that an operator on this machine sent.

    Raises:
        HttpRefusal: it is addressed to a name that is not this machine's, or a page of another site sent it.
    """
    host = str(request.headers.get("host", ""))
    if not (request.peer.tls or request.peer.address.startswith("unix:") or _is_this_machine(host)):
        raise HttpRefusal(
            421,  # RFC 9110 section 15.5.20, Misdirected Request
            Code.PERMISSION_DENIED,
            f"the admin port answers for this machine only, and the request is for {host[:_SHOWN]!r}; ask for "
            "localhost or 127.0.0.1, from another machine through ssh -L 8981:127.0.0.1:8981",
        )
    origin = request.headers.get("origin")
    if origin is not None and str(origin) != f"{request.scheme}://{host}":
        raise _from_a_page(f"from {str(origin)[:_SHOWN]!r}")
    if str(request.headers.get("sec-fetch-site", "")) in ("cross-site", "same-site"):
        raise _from_a_page("from another site")


def _is_this_machine(host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"].strip("[]").lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _from_a_page(whence: str) -> HttpRefusal:
    return HttpRefusal(
        403,
        Code.PERMISSION_DENIED,
        f"a web page {whence} may not drive the admin port; use `prism plugin`, curl or a gRPC client",
    )
