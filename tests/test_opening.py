"""What a thread opens is closed, whenever its caller goes."""

import asyncio
import threading

import pytest

from prism.opening import opened_in_thread


class Handle:
    """Something that is open."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def close(self) -> None:
        """Says so."""
        self.closed.set()


async def test_the_caller_has_it() -> None:
    """Open, and for itself."""
    handle = Handle()
    assert await opened_in_thread(lambda: handle) is handle
    assert not handle.closed.is_set()


async def test_the_error_is_the_callers() -> None:
    """As it was raised."""

    def refuse() -> Handle:
        raise PermissionError("not yours")

    with pytest.raises(PermissionError, match="not yours"):
        await opened_in_thread(refuse)


@pytest.mark.parametrize("before", [True, False], ids=["open by then", "still opening"])
async def test_a_caller_that_is_cancelled(before: bool) -> None:
    """The thread goes on, and what it opens is closed."""
    handle, begun, go = Handle(), threading.Event(), threading.Event()

    def slow() -> Handle:
        begun.set()
        go.wait()
        return handle

    caller = asyncio.ensure_future(opened_in_thread(slow))
    assert await asyncio.to_thread(begun.wait, 30)
    caller.cancel()
    if before:
        go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
    assert await asyncio.to_thread(handle.closed.wait, 30)


async def test_an_error_for_which_no_caller_waits() -> None:
    """There is nothing to close."""
    begun, go = threading.Event(), threading.Event()

    def refuse() -> Handle:
        begun.set()
        go.wait()
        raise PermissionError("not yours")

    caller = asyncio.ensure_future(opened_in_thread(refuse))
    assert await asyncio.to_thread(begun.wait, 30)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go.set()
