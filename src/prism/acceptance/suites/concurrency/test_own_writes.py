"""What a caller has written it reads at once, through any gateway, amid the calls of many others."""

import asyncio

import pytest

from prism.acceptance.workload import StoringWorkload

APPLIES_TO = StoringWorkload
CALLERS = 32


async def test_a_writer_reads_its_own_write(workload: StoringWorkload) -> None:
    """CONTRACT, common rules: a reader sees its own acknowledged writes, through any gateway, amid coalesced calls."""
    workload.dsl.needs("read_your_writes")

    async def write_and_read(number: int) -> None:
        for turn in range(5):
            door = number + turn
            await workload.write(number, 1000 * turn + number, via=door)
            assert await workload.read(number, via=door + 1) == 1000 * turn + number

    await asyncio.gather(*(write_and_read(number) for number in range(CALLERS)))


async def test_a_read_never_joins_an_earlier_one(workload: StoringWorkload) -> None:
    """CONTRACT, common rules: a reader sees its own acknowledged writes: so a read joins none that began earlier."""
    workload.dsl.needs("read_your_writes")
    await workload.write(1)
    done = asyncio.Event()

    async def read(door: int) -> None:
        while not done.is_set():
            await workload.read(1, via=door)

    # At each gateway the same read is nearly always under way, and never begun by the writer.
    readers = [asyncio.create_task(read(door)) for door in range(8)]
    try:
        for turn in range(60):
            await workload.write(1, turn, via=turn)
            assert await workload.read(1, via=turn + 1) == turn
    finally:
        done.set()
        await asyncio.gather(*readers)


async def test_writes_of_one_caller_keep_their_order(workload: StoringWorkload) -> None:
    """CONTRACT, common rules: what is sent after an acknowledgement comes after it, whichever gateways carry it."""

    async def overwrite(number: int) -> None:
        for turn in range(10):
            await workload.write(number, turn)
        assert await workload.read(number) == 9

    await asyncio.gather(*(overwrite(number) for number in range(16)))


@pytest.mark.parametrize("operation", ["read", "write"])
async def test_a_caller_that_gives_up_takes_no_other_with_it(workload: StoringWorkload, operation: str) -> None:
    """ARCHITECTURE, coalescing: a caller that gives up takes no other with it."""
    numbers = range(40)
    await asyncio.gather(*map(workload.write, numbers))

    async def one(number: int) -> None:
        if operation == "read":
            assert await workload.read(number) == number
        else:
            await workload.write(number, 1000 + number)

    tasks = [asyncio.create_task(one(number)) for number in numbers]
    await workload.read(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks[1::2])
    await asyncio.gather(*tasks[::2], return_exceptions=True)
    if operation == "write":
        assert [await workload.read(number) for number in numbers[1::2]] == [1000 + each for each in numbers[1::2]]


async def test_namespaces_at_the_same_time_do_not_mix(workload: StoringWorkload) -> None:
    """CONTRACT, common rules: calls of many namespaces, coalesced as they may be, are answered each from its own."""

    async def use(place: int, each: StoringWorkload) -> None:
        for turn in range(6):
            await each.write(1, 1000 * turn + place)
            assert [await each.read(1), await each.read(2)] == [1000 * turn + place, None]

    await asyncio.gather(*(use(place, workload.elsewhere()) for place in range(16)))
