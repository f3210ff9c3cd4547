"""Streams of requests at length and in numbers, through a gateway to a sidecar: memory, and others meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

import gateways
import relays
from e2e.test_plugins import children_of
from e2e.test_shared_ways import ONCE, PATIENCE, Bystander, at_once, memory_of
from prism.acceptance.relay.service import NAME
from prism.client import Client
from prism.wire import Channel, Metadata

PART: Final = 64 << 10
PAUSE_EACH: Final = 1 << 20
"""Bytes after which the slow side waits."""
PAUSE: Final = 0.05
"""Seconds in which the other side could send twice as much."""
MOST: Final = 32
"""MB that a process may grow by, when all is done; a little of it would show that it holds half of that."""
LITTLE: Final = 48 << 20
"""Bytes that would still show."""
OPEN: Final = 1000
"""Streams of each kind."""
MESSAGE: Final = BytesValue(value=bytes(PART)).SerializeToString()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateways.GatewayProcess]:
    """One whose namespaces `busy` and `other` are served by one sidecar, and `apart` in its process."""
    folder = tmp_path_factory.mktemp("gateway")
    placed = {"backend": "relay", "plugin": {"type": "sidecar"}, "services": [NAME]}
    apart = {"name": "apart", "backend": "memory", "config": {"store": "apart"}}
    entries = [*({"name": name, **placed} for name in ("busy", "other")), apart]
    with pytest.MonkeyPatch.context() as patch:
        relays.install(folder, patch)
        process = gateways.GatewayProcess({"namespaces": entries}, folder).start()
        try:
            for each in entries:
                process.wait_until_served(str(each["name"]))
            yield process
        finally:
            assert process.stop() == 0


class Peaks:
    """The most memory that processes have held since this was made, beyond what they held then."""

    def __init__(self, *pids: int) -> None:
        self._before = {pid: memory_of(pid) for pid in pids}
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak is what is held now

    def grown(self) -> list[float]:
        """MB, of each."""
        found = []
        for pid, before in self._before.items():
            status = Path(f"/proc/{pid}/status").read_text()
            found.append(int(status.partition("VmHWM:")[2].split()[0]) / 1000 - before)
        return found


Wait = Callable[[], Awaitable[None]]


def pacer(*, slow: bool) -> Wait:
    """Waits now and then, once for each part, if it is slow."""
    parts = 0

    async def wait() -> None:
        nonlocal parts
        parts += 1
        if slow and parts % (PAUSE_EACH // PART) == 0:
            await asyncio.sleep(PAUSE)

    return wait


async def both_ways(address: str, parts: int, before_sending: Wait, after_receiving: Wait) -> None:
    """So many parts up and down, by gRPC."""
    async with Channel(address) as channel:
        call = channel.open(f"/{NAME}/Both", metadata=Metadata([("prism-namespace", "busy")]))

        async def send() -> None:
            for _ in range(parts):
                await before_sending()
                await call.send(MESSAGE)
            await call.end()

        async with call, asyncio.TaskGroup() as group:
            group.create_task(send())
            found = 0
            while (message := await call.receive()) is not None:
                assert len(message) == len(MESSAGE)
                found += 1
                await after_receiving()
        assert found == parts


async def up_by_http1(address: str, parts: int, before_sending: Wait, _: Wait) -> None:
    """So many parts up, by the Connect protocol over HTTP/1.1, as fast as they are taken."""
    reader, writer = await asyncio.open_connection(*address.rsplit(":", 1))
    head = f"POST /{NAME}/Up HTTP/1.1\r\nhost: x\r\nprism-namespace: busy\r\ntransfer-encoding: chunked\r\n"
    writer.write(f"{head}connection: close\r\ncontent-type: application/connect+proto\r\n\r\n".encode())
    chunk = b"\0" + len(MESSAGE).to_bytes(4) + MESSAGE
    for _ in range(parts):
        await before_sending()
        writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    answer = await reader.read()
    assert f"{parts} parts, {parts * PART} bytes, ".encode() in answer
    writer.close()


@pytest.mark.parametrize(
    ("way", "slow_writer", "slow_reader"),
    [(both_ways, False, True), (both_ways, True, False), (up_by_http1, False, False)],
    ids=["slow reader", "slow writer", "HTTP/1.1"],
)
async def test_memory_is_bounded(
    gateway: gateways.GatewayProcess,
    way: Callable[[str, int, Wait, Wait], Awaitable[None]],
    slow_writer: bool,
    slow_reader: bool,
    whole: bool,
) -> None:
    """A gigabyte up and down at the pace of the slower side: neither gateway nor plugin grows by what is under way."""
    (plugin,) = children_of(gateway.pid)
    await way(gateway.data, 100, pacer(slow=False), pacer(slow=False))
    peaks = Peaks(gateway.pid, plugin)
    size = 1 << 30 if whole else LITTLE
    begun = asyncio.get_running_loop().time()
    await way(gateway.data, size // PART, pacer(slow=slow_writer), pacer(slow=slow_reader))
    took = asyncio.get_running_loop().time() - begun
    grown = peaks.grown()
    print(f"{size >> 20} MB in {took:.1f} s; grown by, in MB: gateway {grown[0]:.1f}, plugin {grown[1]:.1f}")
    assert max(grown) <= (MOST if whole else MOST // 2)


async def test_many_open_streams(gateway: gateways.GatewayProcess, whole: bool) -> None:
    """Of one client, of both kinds, more than one connection has: others' calls, its own and probes go on."""
    count, rounds = (OPEN, 200) if whole else (60, 5)
    started = children_of(gateway.pid)
    closing = asyncio.Event()

    async def requests(taken: asyncio.Event) -> AsyncIterator[BytesValue]:
        yield BytesValue(value=b"one")
        taken.set()
        await closing.wait()
        yield BytesValue(value=b"two")

    async with (
        Client(gateway.data, retry=ONCE, timeout=60) as bad,
        Client(gateway.data, retry=ONCE, timeout=PATIENCE) as good,
    ):
        bystander, sums = Bystander(gateway, good, bad), []

        async def open_up() -> None:
            taken = asyncio.Event()
            call = bad.call("busy", f"{NAME}/Up", requests(taken), timeout=600)
            sums.append(asyncio.create_task(call))
            await taken.wait()

        streams: list[AsyncIterator[BytesValue]] = []

        async def open_both() -> None:
            stream = bad.stream("busy", f"{NAME}/Both", requests(asyncio.Event()))
            assert (await anext(stream)).value == b"one"
            streams.append(stream)

        async def is_open() -> int:
            return int((await bad.call("busy", f"{NAME}/Open", BytesValue())).value)

        async with bystander.beside():
            await at_once(open_up for _ in range(count))
            await at_once(open_both for _ in range(count))
            while await is_open() < 2 * count:  # noqa: ASYNC110 - the relay has no event for it
                await asyncio.sleep(0.05)
            before = len(bystander.times)
            await bystander.after(rounds)
            during = Bystander(gateway)
            during.rounds, during.times = rounds, bystander.times[before:]
            memory = f"MB: gateway {memory_of(gateway.pid):.0f}, plugin {[round(memory_of(each)) for each in started]}"
            closing.set()
            for stream in streams:
                assert [each.value async for each in stream] == [b"two"]
            assert {each.value[:17] for each in await asyncio.gather(*sums)} == {b"2 parts, 6 bytes,"}
            assert await is_open() == 0
        print(f"{2 * count} open streams beside: {during}; all: {bystander}; {memory}")
    assert children_of(gateway.pid) == started
