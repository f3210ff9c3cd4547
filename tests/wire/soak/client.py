"""The clients of a soak: `python -m wire.soak.client FOLDER SEED ADDRESSES`; every answer is checked."""

import asyncio
import contextlib
import hashlib
import json
import logging
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from prism.wire import Channel, Code, Deadline, Metadata, StatusError, client_context
from prism.wire.http2 import frames
from wire.raw_peer import GRPC, RawPeer, message
from wire.soak import child

_WORKERS: Final = 24
_LARGEST: Final = 4 * 1024 * 1024 - 100
_PAUSE: Final = 0.02  # seconds, on average: the machine is shared


class WrongAnswer(AssertionError):
    """The server's answer is not what was asked for."""


def expect(condition: object, words: str) -> None:
    """Raise `WrongAnswer` unless the condition holds."""
    if not condition:
        raise WrongAnswer(words)


@contextlib.asynccontextmanager
async def expecting(*codes: Code) -> AsyncIterator[None]:
    """The block must end with one of the codes."""
    try:
        yield
    except StatusError as error:
        expect(error.status.code in codes, f"{error} instead of {codes}")
    else:
        raise WrongAnswer(f"OK instead of {codes}")


class Calls:
    """Every kind of call, on one channel, with answers that are known beforehand."""

    def __init__(self, channel: Channel, chance: random.Random) -> None:
        self._channel = channel
        self._chance = chance

    def _bytes(self, most: int) -> bytes:
        return self._chance.randbytes(self._chance.randint(0, most))

    async def unary(self) -> None:
        content = self._bytes(2000)
        expect(await self._channel.unary("/soak.Soak/Echo", content) == content, "another message")

    async def with_headers(self) -> None:
        content, name = self._bytes(200), str(self._chance.random())
        metadata = Metadata([("name", name), ("authorization", "Bearer " + name), ("raw-bin", content)])
        deadline = Deadline.after(60)
        async with self._channel.open("/soak.Soak/Echo", metadata=metadata, deadline=deadline) as call:
            await call.send(content)
            await call.end()
            expect(await call.receive() == content, "another message")
            expect(await call.receive() is None, "a second message")
            expect(call.trailing.get("name") == name, "another trailer")

    async def large(self) -> None:
        content = self._bytes(_LARGEST)
        expect(await self._channel.unary("/soak.Soak/Echo", content) == content, "another large message")

    async def client_streaming(self) -> None:
        state = hashlib.sha256()
        async with self._channel.open("/soak.Soak/Digest") as call:
            for _ in range(self._chance.randint(0, 30)):
                content = self._bytes(50_000)
                state.update(content)
                await call.send(content)
            await call.end()
            expect(await call.receive() == state.digest(), "another digest")
            expect(await call.receive() is None, "a second message")

    async def server_streaming(self) -> None:
        count, size = self._chance.randint(0, 60), self._chance.choice([0, 10, 1000, 60_000])
        async with self._channel.open("/soak.Soak/Repeat") as call:
            await call.send(f"{count} {size}".encode())
            await call.end()
            number = 0
            async for content in call:
                expect(content == number.to_bytes(4, "big") + bytes(size), f"another message {number}")
                number += 1
            expect(number == count, f"{number} messages instead of {count}")

    async def chat(self, path: str = "/soak.Soak/Chat", compression: str | None = None) -> None:
        async with self._channel.open(path, compression=compression) as call:
            for _ in range(self._chance.randint(1, 20)):
                content = self._bytes(5000)
                await call.send(content)
                expect(await call.receive() == content, "another message")
            await call.end()
            expect(await call.receive() is None, "one message more")

    async def compressed(self) -> None:
        await self.chat("/soak.Soak/Packed", "gzip")

    async def failing(self) -> None:
        content = b"\x08\x05" + self._bytes(20)
        try:
            await self._channel.unary("/soak.Soak/Fail", content)
        except StatusError as error:
            status = error.status
            expect(status.code is Code.NOT_FOUND, f"{error}")
            expect(status.message == f"no {content.hex()} \u2713" and status.details == content, f"{status}")
            expect(error.trailing.get("why") == "soak", "another trailer")
        else:
            raise WrongAnswer("OK instead of NOT_FOUND")

    async def unknown(self) -> None:
        async with expecting(Code.UNIMPLEMENTED):
            await self._channel.unary("/soak.Soak/Nothing", b"")

    async def deadline(self) -> None:
        async with expecting(Code.DEADLINE_EXCEEDED):
            deadline = Deadline.after(self._chance.uniform(0.001, 0.3))
            await self._channel.unary("/soak.Soak/Hang", b"", deadline=deadline)

    async def cancelled(self) -> None:
        task = asyncio.create_task(self._channel.unary("/soak.Soak/Hang", b"x"))
        await asyncio.sleep(self._chance.choice([0, 0.001, 0.05]))
        task.cancel()
        await asyncio.wait((task,))
        expect(task.cancelled(), f"not cancelled but {task}")

    async def cancelled_stream(self) -> None:
        async with self._channel.open("/soak.Soak/Chat") as call:
            for _ in range(self._chance.randint(0, 3)):
                await call.send(b"one more")
                expect(await call.receive() == b"one more", "another message")

    async def abandoned_stream(self) -> None:
        async with self._channel.open("/soak.Soak/Repeat") as call:
            await call.send(b"1000 10000")
            await call.end()
            expect(await call.receive() == bytes(10_004), "another message")

    async def oversized(self) -> None:
        async with expecting(Code.RESOURCE_EXHAUSTED):
            await self._channel.unary("/soak.Soak/Echo", bytes(_LARGEST + 200))


class Load:
    """All clients."""

    def __init__(self, folder: Path, seed: int, addresses: dict[str, str]) -> None:
        self._folder = folder
        self._seed = seed
        self._addresses = addresses
        self._counts: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._channels: list[Channel] = []

    def start(self) -> None:
        """Begin."""
        shared = [self._channel(kind) for kind in ("tcp", "unix", "tls")]
        cuttable = self._channel("tcp")
        for number in range(_WORKERS):
            chance = random.Random(self._seed * 1000 + number)
            if number == 0:
                operations = self._alone(chance)
            elif number < 4:
                operations = self._cut(cuttable, chance)
            else:
                operations = self._ordinary(shared[number % 3], chance)
            self._tasks.append(asyncio.create_task(self._work(operations, chance)))

    def _channel(self, kind: str) -> Channel:
        tls = client_context(self._folder / "ca.pem") if kind == "tls" else None
        channel = Channel(self._addresses[kind], tls=tls)
        self._channels.append(channel)
        return channel

    def _ordinary(
        self, channel: Channel, chance: random.Random
    ) -> dict[str, tuple[int, Callable[[], Awaitable[None]]]]:
        calls = Calls(channel, chance)
        return {
            "unary": (30, calls.unary),
            "unary with headers": (20, calls.with_headers),
            "unary, large": (3, calls.large),
            "client streaming": (6, calls.client_streaming),
            "server streaming": (6, calls.server_streaming),
            "bidirectional": (8, calls.chat),
            "compressed both ways": (6, calls.compressed),
            "failing": (6, calls.failing),
            "unknown method": (2, calls.unknown),
            "deadline passed": (6, calls.deadline),
            "cancelled": (8, calls.cancelled),
            "stream cancelled": (6, calls.cancelled_stream),
            "stream abandoned": (3, calls.abandoned_stream),
            "over the size limit": (1, calls.oversized),
        }

    def _cut(self, channel: Channel, chance: random.Random) -> dict[str, tuple[int, Callable[[], Awaitable[None]]]]:
        calls = Calls(channel, chance)

        def perhaps(call: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
            async def tried() -> None:
                try:
                    await call()
                except StatusError as error:
                    expect(error.status.code is Code.UNAVAILABLE, f"{error} on a connection that was cut")

            return tried

        async def cut() -> None:
            async with expecting(Code.UNAVAILABLE):
                await channel.unary("/soak.Soak/Cut", b"")

        return {
            "on a connection that is cut": (10, perhaps(calls.unary)),
            "stream on a connection that is cut": (5, perhaps(calls.chat)),
            "connection cut": (3, cut),
        }

    def _alone(self, chance: random.Random) -> dict[str, tuple[int, Callable[[], Awaitable[None]]]]:
        async def short_lived() -> None:
            kind = chance.choice(["tcp", "unix", "tls"])
            tls = client_context(self._folder / "ca.pem") if kind == "tls" else None
            async with Channel(self._addresses[kind], tls=tls) as channel:
                await Calls(channel, chance).unary()

        async def resetting() -> None:
            async with await RawPeer.connect(self._addresses["tcp"]) as peer:
                for stream_id in range(1, 60, 2):
                    path = chance.choice(["/soak.Soak/Hang", "/soak.Soak/Echo", "/soak.Soak/Chat"])
                    peer.headers(stream_id, [(name, path if name == ":path" else value) for name, value in GRPC])
                    peer.send(frames.DATA, chance.choice([0, 1]), stream_id, message(b"x"))
                    if chance.random() < 0.7:
                        peer.send(frames.RST_STREAM, 0, stream_id, b"\0\0\0\x08")
                await peer.until(frames.SETTINGS)

        async def broken_off() -> None:
            async with await RawPeer.connect(self._addresses["tcp"]) as peer:
                peer.call(1, "/soak.Soak/Hang")
                peer.writer.write(b"\0\0\x10\0\0")
                await peer.until(frames.SETTINGS)
                peer.writer.transport.abort()

        async def http1() -> None:
            content = chance.randbytes(chance.randint(0, 5000))
            host, port = self._addresses["tcp"].rsplit(":", 1)
            reader, writer = await asyncio.open_connection(host, int(port))
            head = f"POST / HTTP/1.1\r\nhost: soak\r\nconnection: close\r\ncontent-length: {len(content)}\r\n\r\n"
            writer.write(head.encode() + content)
            answer = await reader.read()
            writer.close()
            expect(answer.startswith(b"HTTP/1.1 200") and answer.partition(b"\r\n\r\n")[2] == content, "another page")

        return {
            "channel of its own": (10, short_lived),
            "30 streams, most reset": (5, resetting),
            "connection broken off": (5, broken_off),
            "HTTP/1.1": (5, http1),
        }

    async def _work(
        self, operations: dict[str, tuple[int, Callable[[], Awaitable[None]]]], chance: random.Random
    ) -> None:
        names = list(operations)
        weights = [operations[name][0] for name in names]
        while not self._stopping:
            name = chance.choices(names, weights)[0]
            try:
                await asyncio.wait_for(operations[name][1](), 120)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a wrong answer
                self._wrong.append(f"{name}: {error!r}")
                print(f"wrong: {self._wrong[-1]}", file=sys.stderr, flush=True)
            self._counts[name] += 1
            await asyncio.sleep(chance.expovariate(1 / _PAUSE))

    async def stop(self) -> None:
        """End."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks)
        for channel in self._channels:
            await channel.close()
        self._tasks.clear()
        self._channels.clear()

    def summary(self) -> dict[str, Any]:
        """What has been done so far."""
        return {"counts": dict(self._counts), "wrong": len(self._wrong), "samples": self._wrong[:20]}


async def main() -> None:
    """Obey the parent."""
    errors = child.ErrorCount()
    logging.getLogger().addHandler(errors)
    load = Load(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))

    async def stats() -> dict[str, Any]:
        done = load.summary()
        return {**child.vitals(), "errors": errors.count, "done": sum(done["counts"].values()), "wrong": done["wrong"]}

    async def start() -> dict[str, Any]:
        load.start()
        return {}

    async def stop() -> dict[str, Any]:
        await load.stop()
        return load.summary()

    await child.obey({"stats": stats, "start": start, "stop": stop})


if __name__ == "__main__":
    child.run(main())
