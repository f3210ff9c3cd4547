"""The end of a turn, at which all connections of a loop write."""

import asyncio
from pathlib import Path

import pytest

from prism.wire import Channel, Method, Server, ServerCall
from prism.wire.http2.connection import Connection
from prism.wire.http2.output import Output
from prism.wire.turn import Turn
from wire.hostile.attack import full, send
from wire.raw_peer import RawPeer, message

CALLS = 600  # each takes several bites


async def test_what_is_taken_behind_a_bite_does_not_put_the_end_off(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only reads may: with many connections that have bites left the end would never come."""
    resume, schedule = Connection._resume, Turn.schedule
    resuming = 0
    seen: list[int] = []

    def watched_resume(connection: Connection) -> None:
        nonlocal resuming
        resuming += 1
        resume(connection)
        resuming -= 1

    def watched_schedule(turn: Turn) -> None:
        seen.append(resuming)
        schedule(turn)

    monkeypatch.setattr(Connection, "_resume", watched_resume)
    monkeypatch.setattr(Turn, "schedule", watched_schedule)
    async with await RawPeer.connect(address) as peer:
        await send(peer, [full(peer, 1, "/test.Test/Echo", message(b"x"))])
        await peer.answer(1)
        numbers = range(3, 2 * CALLS + 2, 2)
        await send(peer, [b"".join(full(peer, each, "/test.Test/Echo", message(b"x")) for each in numbers)])
        await peer.ends(CALLS)
    assert seen
    assert not any(seen)


async def test_a_call_that_is_alone_on_its_connection_is_answered_in_the_same_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What wakes its handler is no read of ours, so that no end of a turn is ahead; with others it waits for them."""
    waiting: list[asyncio.Future[None]] = []
    began = asyncio.Semaphore(0)
    flush = Output.flush
    written: list[int] = []

    async def handle(call: ServerCall) -> bytes:
        waiting.append(asyncio.get_running_loop().create_future())
        began.release()
        await waiting[-1]
        return call.message

    def watched_flush(output: Output) -> None:
        written.append(len(output.gathered))
        flush(output)

    method = Method("/a.B/C", handle)
    async with Server({method.path: method}.get) as server:
        address = await server.listen(f"unix:{tmp_path / 'socket'}")
        async with Channel(address) as channel:
            for calls, at_once in ((1, [1]), (2, [])):
                tasks = [asyncio.create_task(channel.unary(method.path, b"x")) for _ in range(calls)]
                for _ in tasks:
                    await began.acquire()
                monkeypatch.setattr(Output, "flush", watched_flush)
                for each in waiting:
                    each.set_result(None)
                await asyncio.sleep(0)  # the handlers have gone on, and nothing else
                assert written == at_once
                monkeypatch.undo()
                assert await asyncio.gather(*tasks) == [b"x"] * calls
                written.clear()
                waiting.clear()
