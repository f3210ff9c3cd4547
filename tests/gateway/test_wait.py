"""A call that may wait for long: what ends it from outside, and what does not."""

import asyncio
from typing import Any, cast

import pytest

from prism.errors import GatewayUnavailable, PermissionDenied
from prism.gateway.snapshot import Target
from prism.gateway.streams.wait import Wait

TARGET = cast("Target", object())


class Call:
    """Something that waits, and what becomes of it."""

    def __init__(self, wait: Wait) -> None:
        self.begun = asyncio.Event()
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.cleaned = False
        self.task = asyncio.create_task(wait.response(self._asked()))

    async def _asked(self) -> bytes:
        self.begun.set()
        try:
            return await self.answer
        finally:
            await asyncio.sleep(0)
            self.cleaned = True


async def begun() -> tuple[Wait, Call]:
    wait = Wait(TARGET)
    call = Call(wait)
    await call.begun.wait()
    return wait, call


async def test_an_answer_is_passed_on() -> None:
    """And what comes later ends nothing."""
    wait, call = await begun()
    call.answer.set_result(b"answer")
    assert await call.task == b"answer"
    wait.drain(GatewayUnavailable("late"))


async def test_drained_it_is_empty() -> None:
    """Once what it has begun is cleaned up; the first reason counts."""
    wait, call = await begun()
    wait.drain(GatewayUnavailable("drains"))
    wait.end(PermissionDenied("too late"))
    assert await call.task == b""
    assert call.cleaned


async def test_ended_it_fails() -> None:
    """With the error; a drain after that changes nothing."""
    wait, call = await begun()
    wait.end(PermissionDenied("withdrawn"))
    wait.drain(GatewayUnavailable("drains"))
    with pytest.raises(PermissionDenied, match="withdrawn"):
        await call.task


@pytest.mark.parametrize("drained", [False, True])
async def test_a_caller_that_goes_is_cancelled(*, drained: bool) -> None:
    """Also when that meets a drain: the cancellation is for the whole call."""
    wait, call = await begun()
    if drained:
        wait.drain(GatewayUnavailable("drains"))
    call.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.task


async def test_a_failure_is_its_own() -> None:
    """What the backend raises is what the caller gets."""
    _, call = await begun()
    call.answer.set_exception(cast("Any", PermissionDenied("no")))
    with pytest.raises(PermissionDenied, match="no"):
        await call.task
