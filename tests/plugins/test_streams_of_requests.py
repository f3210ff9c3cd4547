"""Streams of requests through every placement: whole, in order, at the pace of who reads, ended in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

from plugins.test_remote import endpoints
from prism.acceptance.relay.backend import DRAINING, FAIL, HOLD
from prism.acceptance.relay.service import NAME
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.context import Context
from prism.errors import FailedPrecondition, InvalidArgument, LimitExceeded
from prism.plugins.in_process import InProcess
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.placement import Command
from prism.plugins.rpc.remote import Remote
from prism.plugins.sidecar.sidecar import Sidecar
from relays import RELAY

PARTS = [b"one", b"two" * 30_000, b"three"]
SUM = b"3 parts, 90008 bytes, "


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(params=["in_process", "sidecar", "remote"], scope="module", loop_scope="module")
async def instance(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ManagedInstance]:
    """The relay in each placement, for all tests: each waits until its streams are gone."""
    elsewhere = RemotePlugins(RELAY, tmp_path_factory.mktemp("relay"))
    made: ManagedInstance
    if request.param == "in_process":
        made = InProcess(RELAY, RELAY.config_model()(), RELAY.credentials_model()())
    elif request.param == "sidecar":
        made = Sidecar(RELAY, Command(RELAY.command()), {}, {}, str)
    else:
        made = Remote(RELAY, await endpoints(elsewhere, 1), {}, {})
    try:
        async with asyncio.timeout(60):
            await made.load()
            await made.start()
            await made.attach("ns")
            made.refusal = ""
            yield made
    finally:
        await made.stop()
        await elsewhere.stop()


def packed(part: bytes) -> bytes:
    return BytesValue(value=part).SerializeToString()


def text(payload: bytes) -> bytes:
    return BytesValue.FromString(payload).value


async def given(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield packed(part)


class Typed:
    """Requests that are given one by one, and counted as they are taken."""

    def __init__(self) -> None:
        self._parts: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.taken = 0

    def give(self, part: bytes | Exception | None) -> None:
        self._parts.put_nowait(part)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (part := await self._parts.get()) is not None:
            if isinstance(part, Exception):
                raise part
            self.taken += 1
            yield packed(part)


def run(instance: ManagedInstance, method: str, asked: Any, context: Context | None = None) -> Any:
    return instance.stream(f"{NAME}/{method}", asked, context or Context("ns"))


async def until_open(instance: ManagedInstance, count: int) -> None:
    """Waits until so many streams of requests are open in the backend."""
    async with asyncio.timeout(10):
        while Int64Value.FromString(await instance.call(f"{NAME}/Open", packed(b""), Context("ns"))).value != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_many_requests_and_one_response(instance: ManagedInstance) -> None:
    """Three parts arrive as three parts, in order and whole; none at all is a stream too."""
    (answer,) = [text(each) async for each in run(instance, "Up", given(*PARTS))]
    assert answer.startswith(SUM)
    (answer,) = [text(each) async for each in run(instance, "Up", given())]
    assert answer.startswith(b"0 parts, 0 bytes, ")


async def test_both_ways_at_once(instance: ManagedInstance) -> None:
    """Each part is answered before the next is given; the end of the requests ends the responses."""
    typed = Typed()
    async with aclosing(run(instance, "Both", aiter(typed))) as responses:
        for part in PARTS:
            typed.give(part)
            assert text(await anext(responses)) == part
        typed.give(None)
        assert [each async for each in responses] == []


async def test_an_operation_that_fails(instance: ManagedInstance) -> None:
    """The caller learns why, whatever more it would send."""
    for method in ("Up", "Both"):
        with pytest.raises(FailedPrecondition, match="told to fail"):
            async for _ in run(instance, method, given(b"one", FAIL, *[b"more"] * 100)):
                pass
    await until_open(instance, 0)


async def test_a_request_that_is_none(instance: ManagedInstance) -> None:
    """A part that cannot be read ends the stream, and is the caller's fault."""

    async def broken() -> AsyncIterator[bytes]:
        yield packed(b"one")
        yield b"\xff"

    with pytest.raises(InvalidArgument, match="BytesValue"):
        async for _ in run(instance, "Up", broken()):
            pass
    await until_open(instance, 0)


async def test_requests_that_break_off(instance: ManagedInstance) -> None:
    """What their source raises is what the reader gets, and the backend's stream is gone."""
    typed = Typed()
    async with aclosing(run(instance, "Both", aiter(typed))) as responses:
        typed.give(b"one")
        assert text(await anext(responses)) == b"one"
        typed.give(LimitExceeded("too much"))
        with pytest.raises(LimitExceeded, match="too much"):
            await anext(responses)
    await until_open(instance, 0)


async def test_a_backend_that_reads_no_more_stops_the_sender(instance: ManagedInstance) -> None:
    """Of 64 MB only what windows and buffers hold is taken; the reader who leaves frees all of it."""
    typed = Typed()
    for part in (HOLD, *[b"x" * 65_536] * 1000):
        typed.give(part)
    responses = run(instance, "Both", aiter(typed))
    reader = asyncio.create_task(anext(responses))
    await until_open(instance, 1)
    taken = -1
    while typed.taken != taken:
        taken = typed.taken
        await asyncio.sleep(0.2)
    assert taken < 400
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    await responses.aclose()
    await until_open(instance, 0)


async def test_it_drains_at_a_point_of_its_own(instance: ManagedInstance) -> None:
    """The backend says so with a last part, and ends the stream in order."""
    typed, context = Typed(), Context("ns")
    async with aclosing(run(instance, "Both", aiter(typed), context)) as responses:
        typed.give(b"one")
        assert text(await anext(responses)) == b"one"
        context.draining.set()
        assert [text(each) async for each in responses] == [DRAINING]
    await until_open(instance, 0)
