"""What attacks need: a server that is looked at, and the settings of a test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from prism.wire import HttpRequest, HttpResponse, Server, ServerConfig
from wire.hostile.bystander import Bystander, standing_by
from wire.hostile.gauge import Gauge
from wire.service import Service


@dataclass(frozen=True)
class Victim:
    """A server under attack, the bystander that calls it meanwhile, and what is seen of both."""

    server: Server
    address: str
    gauge: Gauge
    bystander: Bystander

    async def alone(self) -> None:
        """Wait until of all connections only the bystander's is left, and no call but its own."""
        await self.bystander.until(lambda: self.server.connections <= 1 and self.server.calls <= 1)


Attacked = Callable[..., AbstractAsyncContextManager[Victim]]


@pytest.fixture
async def seen() -> list[HttpRequest]:
    """The plain HTTP requests that reached the handler."""
    return []


@pytest.fixture
async def attacked(service: Service, seen: list[HttpRequest]) -> Attacked:
    """Makes a server with settings of the test's own and a bystander; when left, nothing may remain of the attack."""

    async def site(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(200, [], request.body)

    @asynccontextmanager
    async def attacked(**settings: Any) -> AsyncIterator[Victim]:
        before = len(asyncio.all_tasks())
        gauge = Gauge(service)
        async with Server(gauge.lookup, http=site, config=ServerConfig(**settings)) as server:
            gauge.server = server
            address = await server.listen("127.0.0.1:0")
            async with standing_by(address, gauge) as bystander:
                victim = Victim(server, address, gauge, bystander)
                yield victim
                await bystander.calls(1)
        assert (server.connections, server.calls) == (0, 0)
        assert len(asyncio.all_tasks()) == before

    return attacked
