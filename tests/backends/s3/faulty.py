"""An HTTP server that answers as a script has it: what S3 servers do on bad days, and what some never do."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Faulty:
    """What answers, and what it was asked.

    Attributes:
        answer: makes the answer to a request whose body was read.
        asked: methods and paths with their queries, in order.
        url: where it listens.
    """

    answer: Callable[[web.Request], web.StreamResponse]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        await request.read()
        return self.answer(request)


def error(code: str, status: int, message: str = "a secret sentence") -> web.Response:
    """An error of S3."""
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    headers = {"x-amz-request-id": "R1"}
    return web.Response(text=text, status=status, content_type="application/xml", headers=headers)


def document(name: str, inside: str, status: int = 200) -> web.Response:
    """An answer with a body."""
    text = f'<?xml version="1.0"?><{name}>{inside}</{name}>'
    return web.Response(text=text, status=status, content_type="application/xml")


@asynccontextmanager
async def faulty(answer: Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[Faulty]:
    """A server that answers so."""
    server = Faulty(answer)
    application = web.Application(client_max_size=64 << 20)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (port,) = {address[1] for address in runner.addresses}
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
