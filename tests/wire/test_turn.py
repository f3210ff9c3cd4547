"""The end of a turn, at which all connections of a loop write."""

import pytest

from prism.wire.http2.connection import Connection
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
