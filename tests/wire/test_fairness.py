"""The share of a turn that unproven connections have together."""

import asyncio
from functools import partial

import pytest

from prism.wire.fairness import SHARE, FairShare
from prism.wire.http2.connection import Connection
from wire.hostile.attack import full, send
from wire.raw_peer import RawPeer, message

CALLS = 60  # several shares of frames


async def test_who_waits_has_a_turn_in_the_order_of_the_line() -> None:
    """One that needs more than a share does not keep the others from theirs: it goes to the end of the line."""
    loop = asyncio.get_running_loop()
    fair_share = FairShare(loop.call_soon)
    left = {"greedy": 3 * SHARE, "modest": 2, "other": 2}
    served: list[tuple[str, int]] = []
    ended = asyncio.Event()

    def resume(name: str) -> None:
        taken = min(left[name], fair_share.credit)
        fair_share.credit -= taken
        left[name] -= taken
        served.append((name, taken))
        if left[name]:
            fair_share.wait(partial(resume, name))
        if not any(left.values()):
            ended.set()

    for name in left:
        fair_share.wait(partial(resume, name))
    await ended.wait()
    assert served == [
        ("greedy", SHARE),
        ("modest", 2),
        ("other", 2),
        ("greedy", SHARE - 4),
        ("greedy", SHARE),
        ("greedy", 4),
    ]


async def test_a_share_is_for_all_that_wait_in_a_turn() -> None:
    """However many they are, and whatever each would take."""
    loop = asyncio.get_running_loop()
    fair_share = FairShare(loop.call_soon)
    turns = [0]
    left = 100

    def resume() -> None:
        nonlocal left
        fair_share.credit -= 1
        turns[-1] += 1
        left -= 1

    for _ in range(left):
        fair_share.wait(resume)
    while left:
        turns.append(0)
        await asyncio.sleep(0)
    assert max(turns) == SHARE


async def test_one_that_fails_keeps_no_other_waiting() -> None:
    """What is behind it in the line is not read until then."""
    loop = asyncio.get_running_loop()
    failures: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: failures.append(context))
    fair_share = FairShare(loop.call_soon)
    served = asyncio.Event()

    def fail() -> None:
        raise RuntimeError("a defect")

    fair_share.wait(fail)
    fair_share.wait(served.set)
    async with asyncio.timeout(1):
        await served.wait()
    assert len(failures) == 1


@pytest.mark.parametrize("waits", [False, True])
async def test_a_connection_has_one_place_in_the_line(
    address: str, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """Also when its peer stops reading and reads again while it stands there, or only when its turn has passed."""
    rest = Connection._yield_turn
    places: list[int] = []

    def resume(connection: Connection, turns: int) -> None:
        if turns:
            connection._loop.call_soon(resume, connection, turns - 1)
            return
        connection.resume_writing()
        places.append(connection._turn.fair_share._waiting.count(connection._resume))

    def watched(connection: Connection) -> None:
        rest(connection)
        # As `Output` does where the peer does not read.
        connection.output.choked = True
        resume(connection, 3 if waits else 0)

    monkeypatch.setattr(Connection, "_yield_turn", watched)
    async with asyncio.timeout(30), await RawPeer.connect(address) as peer:
        numbers = range(1, 2 * CALLS + 1, 2)
        await send(peer, [b"".join(full(peer, each, "/test.Test/Echo", message(b"x")) for each in numbers)])
        await peer.ends(CALLS)
    assert max(places) == 1
