"""Calls go with their last reference, whatever becomes of them, at the gateway and at its client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar

import pytest

from garbage import leaving_none
from prism.client import Client
from prism.errors import PrismError
from prism.gateway.chain import Policies, chain
from prism.gateway.gateway import Gateway
from prism.gateway.grpc import grpc_methods
from prism.gateway.snapshot import Namespace, Snapshot
from prism.plugins.discovery import discover
from prism.plugins.in_process import InProcess
from prism.server.telemetry import note
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import Server

CALLS = 20
FEW = CALLS - 1
"""Objects that may be left of all calls together, by the loop and the sockets: less than one of each."""


@pytest.fixture
async def client(instance: InProcess) -> AsyncIterator[Client]:
    """A client of a gateway in this process, which serves `default` from memory."""
    gateway = Gateway((note, *chain(Policies())), CallMetrics(), discover().offers())
    gateway.snapshot = Snapshot(
        1, {"default": Namespace.of("default", frozenset({"prism.data.v1.KeyValue"}), instance)}
    )
    async with Server(grpc_methods(gateway).get) as server, Client(await server.listen("127.0.0.1:0")) as client:
        await client.keyvalue("default").put("record", {b"a": b"1", b"b": b"2"})
        yield client


async def get(client: Client) -> None:
    """A call that is answered."""
    assert await client.keyvalue("default").get("record", b"a")


async def put(client: Client) -> None:
    """A write."""
    await client.keyvalue("default").put("record", {b"a": b"1"})


async def invalid(client: Client) -> None:
    """A call that the SDK refuses."""
    with pytest.raises(PrismError):
        await client.keyvalue("default").put("", {b"a": b"1"})


async def misplaced(client: Client) -> None:
    """A call that the gateway refuses."""
    with pytest.raises(PrismError):
        await client.keyvalue("elsewhere").get("record", b"a")


async def scan(client: Client) -> None:
    """A stream to its end."""
    assert [item.key async for item in client.keyvalue("default").scan("record")] == [b"a", b"b"]


async def left(client: Client) -> None:
    """A stream that its reader leaves."""
    async for _ in client.keyvalue("default").scan("record"):
        break


async def cancelled(client: Client) -> None:
    """A call that its caller gives up."""
    task = asyncio.create_task(get(client))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("call", [get, put, invalid, misplaced, scan, left, cancelled])
async def test_calls_leave_nothing_to_the_garbage_collector(
    client: Client, call: Callable[[Client], Awaitable[None]]
) -> None:
    """The collector stops every call that is under way for as long as it looks."""
    await call(client)
    with leaving_none(most=FEW):
        for _ in range(CALLS):
            await call(client)
        await asyncio.sleep(0.01)


async def test_a_cycle_would_be_seen() -> None:
    """The ruler itself: a task whose context holds it."""
    held: ContextVar[object] = ContextVar("held")

    async def hold() -> None:
        held.set(asyncio.current_task())

    async def leave_a_cycle() -> None:
        with leaving_none():
            await asyncio.create_task(hold())
            await asyncio.sleep(0)

    with pytest.raises(AssertionError, match="Task"):
        await leave_a_cycle()
