"""The session of a traversal of one instant."""

import asyncio
from typing import Any, cast

import pytest

from prism.backends.postgres.graph.store import PostgresGraphs
from prism.context import Context


class Hanging:
    """A session whose connection answers nothing."""

    def __init__(self) -> None:
        self.connection = self
        self.asked = asyncio.Event()
        self.terminated = False

    async def execute(self, _statement: str) -> None:
        """Never ends."""
        self.asked.set()
        await asyncio.Event().wait()

    def terminate(self) -> None:
        """Ends it."""
        self.terminated = True


async def test_a_call_that_is_given_up_leaves_no_session() -> None:
    """It ends while the transaction begins."""
    session = Hanging()

    async def open_session() -> Any:
        return session

    nothing = cast("Any", None)
    graphs = PostgresGraphs(nothing, nothing, nothing, open_session)

    async def traverse() -> None:
        async with graphs.snapshot(Context("n")):
            pass

    call = asyncio.create_task(traverse())
    await session.asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert session.terminated
