"""How objects are cut, and how the memory of transfers is shared."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from prism.backends.s3.config import S3Config
from prism.backends.s3.transfers.body import Body
from prism.backends.s3.transfers.budget import Budget
from prism.backends.s3.transfers.conditional import Condition
from prism.backends.s3.transfers.parts import MAX_BUFFERED, MAX_OBJECT, MAX_PART, MAX_PARTS, MIB, Cut
from prism.backends.s3.transfers.pieces import Pieces
from prism.backends.s3.transfers.writer import Writer
from prism.errors import InvalidArgument
from prism.interfaces.objectstore import Properties


@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 80_000 * MIB, 80_000 * MIB + 1, 160_000 * MIB, MAX_OBJECT])
def test_parts_of_a_known_size(size: int) -> None:
    """There are never more than 10,000, and none is larger than S3 takes."""
    cut = Cut(size, 8 * MIB)
    part = cut.part(1)
    assert 8 * MIB <= part <= MAX_PART
    assert -(-size // part) <= MAX_PARTS
    assert cut.streamed == (part > MAX_BUFFERED)


def test_parts_of_an_unknown_size() -> None:
    """They grow as far as they can be kept, and then a size is asked for."""
    cut = Cut(None, 8 * MIB)
    assert [cut.part(number) // MIB for number in (1, 1000, 1001, MAX_PARTS)] == [8, 8, 16, 16]
    with pytest.raises(InvalidArgument, match=r"head\.size"):
        cut.part(MAX_PARTS + 1)


async def came(*pieces: bytes, end: Exception | None = None) -> AsyncIterator[bytes]:
    """A source."""
    for piece in pieces:
        yield piece
    if end is not None:
        raise end


async def test_pieces_are_taken_by_size() -> None:
    """Whatever their own sizes are; nothing is lost where one is cut."""
    pieces = Pieces(came(b"abcdef", b"", b"gh", b"i"))
    assert b"".join(await pieces.take(4)) == b"abcd"
    assert await pieces.more()
    assert b"".join(await pieces.take(3)) == b"efg"
    assert b"".join([piece async for piece in pieces.flow(5)]) == b"hi"
    assert not await pieces.more()
    assert await pieces.take(1) == []


async def test_the_last_piece_is_held_back() -> None:
    """Until the source has said that all is well: else it is not passed, and S3 never has the whole."""
    passed = []
    with pytest.raises(ValueError, match="wrong"):
        passed = [piece async for piece in watched(Pieces(came(b"ab", b"cd", end=ValueError("wrong"))), passed)]
    assert passed == [b"ab"]


async def watched(pieces: Pieces, passed: list[bytes]) -> AsyncIterator[bytes]:
    """What is passed, as it is."""
    async for piece in pieces.flow(4):
        passed.append(piece)
        yield piece


async def test_those_who_wait_are_served_in_order() -> None:
    """And one who gives up holds up no one."""
    budget = Budget(10)
    await budget.take(8)
    assert not budget.take_now(3)
    order: list[int] = []

    async def take(number: int, size: int) -> None:
        await budget.take(size)
        order.append(number)

    first, second, third = (asyncio.create_task(take(number, size)) for number, size in ((1, 9), (2, 4), (3, 3)))
    await asyncio.sleep(0)
    assert not budget.take_now(1), "those who wait come first"
    first.cancel()
    await asyncio.wait((first,))
    budget.give(8)
    await asyncio.gather(second, third)
    assert order == [2, 3]
    assert budget.taken == 7


class Stuck:
    """What sends parts to a server that answers none of them."""

    def __init__(self) -> None:
        self.sending = 0
        self.aborted = False
        self.begun = asyncio.Event()

    async def begin(self, *_: object) -> str:
        return "U"

    async def put_part(self, _key: str, _upload: str, _number: int, _body: Body) -> None:
        self.sending += 1
        self.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.sending -= 1

    async def abort(self, _key: str, _upload: str) -> None:
        self.aborted = True


@pytest.mark.parametrize("times", [1, 2])
async def test_a_put_that_is_given_up_leaves_nothing(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is given up once more while its parts may arrive: none is sent on, and no memory is kept."""
    monkeypatch.setattr("prism.backends.s3.transfers.writer._PARTS_END", 0.05 if times == 1 else 60)
    budget, stuck, forever = Budget(64 * MIB), Stuck(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(6 * MIB)
        await forever.wait()

    config = S3Config(bucket="bucket", part_size=5 * MIB)
    writer = Writer(cast("Any", None), config, budget, cast("Any", None), cast("Any", stuck))
    put = asyncio.create_task(
        writer.put("k", Pieces(slow()), Properties(), Condition(), size=12 * MIB, sha256=lambda: b"")
    )
    await stuck.begun.wait()
    for _ in range(times):
        put.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await asyncio.wait((put,))
    assert put.cancelled()
    assert (stuck.sending, budget.taken, writer.transfers, stuck.aborted) == (0, 0, 0, True)
