"""A server that answers as a test says: what ClickHouse's documentation describes and its engine does not do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Answering = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answering) -> AsyncIterator[str]:
    """The URL of one; `answer` has the request and its statement."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answer(request, (await request.read()).decode())

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
