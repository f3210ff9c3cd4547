"""What the fuzzed server serves: every kind of method, and a page; none of them ever fails by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from prism.wire import HttpRequest, HttpResponse, Method, ServerCall
from wire.service import Service

_MANY = b"m" * 30_000


class Methods(Service):
    """The tests' service without the method that crashes, and with one that sends much."""

    def __init__(self) -> None:
        super().__init__()
        known = self.lookup
        many = Method("/test.Test/Many", self.many, server_streaming=True)

        def lookup(path: str) -> Method | None:
            if path == many.path:
                return many
            return known(path) if path != "/test.Test/Crash" else None

        self.lookup = lookup  # type: ignore[assignment]
        self.requests: list[str] = []

    async def many(self, call: ServerCall) -> None:
        """Send more than windows hold."""
        for _ in range(20):
            await call.send(_MANY)

    async def page(self, request: HttpRequest) -> HttpResponse:
        """Give the body back, in one piece or several, or nothing."""
        self.requests.append(request.method)
        if request.path == "/stream":
            return HttpResponse(200, [("content-type", "text/plain")], self._pieces(request.body))
        if request.path == "/nothing":
            return HttpResponse(204)
        if request.path == "/hang":
            await asyncio.Event().wait()
        return HttpResponse(200, [("content-type", "text/plain")], request.body or b"page")

    async def _pieces(self, body: bytes) -> AsyncIterator[bytes]:
        for _ in range(5):
            yield body or b"piece"
            await asyncio.sleep(0)


Page = Callable[[HttpRequest], Awaitable[HttpResponse]]
