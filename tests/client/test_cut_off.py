"""Calls that something on the way cuts off: what the client's transport makes up is not the gateway's own status."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from client.upstream import Upstream
from prism.client import Client, Gap, GatewayUnavailable, InternalError, Outcome, PubSub, RetryPolicy
from prism.interfaces import keyvalue as messages
from prism.interfaces import pubsub
from prism.wire.http2 import frames
from prism.wire.http2.frames import ErrorCode
from proxies import PROXIES, proxied
from wire.raw_peer import RawPeer, message

QUICK = RetryPolicy(first_delay=0.001, longest_delay=0.002)
HEAD = [(":status", "200"), ("content-type", "application/grpc")]

Cut = Callable[[RawPeer, int], None]


def _reset(code: ErrorCode) -> Cut:
    def cut(peer: RawPeer, stream_id: int) -> None:
        peer.headers(stream_id, HEAD)
        peer.send(frames.RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))

    return cut


def _no_trailers(peer: RawPeer, stream_id: int) -> None:
    peer.headers(stream_id, HEAD)
    peer.send(frames.DATA, frames.END_STREAM, stream_id)


def _no_status(peer: RawPeer, stream_id: int) -> None:
    peer.headers(stream_id, HEAD)
    peer.headers(stream_id, [("x-trailer", "1")], frames.END_HEADERS | frames.END_STREAM)


def _inside_a_message(peer: RawPeer, stream_id: int) -> None:
    peer.headers(stream_id, HEAD)
    peer.send(frames.DATA, frames.END_STREAM, stream_id, message(b"a message")[:8])


def _http_status(status: int) -> Cut:
    def cut(peer: RawPeer, stream_id: int) -> None:
        peer.headers(stream_id, [(":status", str(status)), ("content-type", "text/html")])
        peer.send(frames.DATA, frames.END_STREAM, stream_id, b"<html>")

    return cut


CUTS = {
    "reset-internal": _reset(ErrorCode.INTERNAL_ERROR),
    "reset-no-error": _reset(ErrorCode.NO_ERROR),
    "reset-cancel": _reset(ErrorCode.CANCEL),
    "reset-refused": _reset(ErrorCode.REFUSED_STREAM),
    "reset-protocol": _reset(ErrorCode.PROTOCOL_ERROR),
    "reset-calm": _reset(ErrorCode.ENHANCE_YOUR_CALM),
    "no-trailers": _no_trailers,
    "no-status": _no_status,
    "inside-a-message": _inside_a_message,
    "http-408": _http_status(408),
    "http-500": _http_status(500),
    "http-502": _http_status(502),
    "http-504": _http_status(504),
}


class CuttingPeer:
    """A gateway behind something that cuts off its first calls.

    Attributes:
        calls: how many came.
    """

    def __init__(self, cut: Cut, cuts: int, answer: bytes) -> None:
        self.calls = 0
        self._cut = cut
        self._cuts = cuts
        self._answer = answer
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None  # asyncio runs it as one
        self._connections.add(task)
        try:
            with suppress(asyncio.IncompleteReadError):
                await self.converse(await RawPeer.accept(reader, writer))
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def converse(self, peer: RawPeer) -> None:
        """What is said on it."""
        while (frame := await peer.frame()) is not None:
            if frame.kind != frames.DATA or not frame.flags & frames.END_STREAM:
                continue
            self.calls += 1
            if self.calls <= self._cuts:
                self._cut(peer, frame.stream_id)
            else:
                peer.reply(frame.stream_id, self._answer)

    async def ended(self) -> None:
        """Returns when every connection has ended."""
        await asyncio.gather(*self._connections)


@asynccontextmanager
async def _cutting(cut: Cut, answer: bytes, *, cuts: int = 1) -> AsyncIterator[tuple[CuttingPeer, Client]]:
    peer = CuttingPeer(cut, cuts, answer)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(f"127.0.0.1:{port}", retry=QUICK) as prism, asyncio.timeout(20):
        yield peer, prism
    await peer.ended()


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_a_read_is_repeated(cut: Cut) -> None:
    """The gateway itself has said nothing, so it may be asked again."""
    answer = messages.GetResponse(items=[messages.Item(key=b"k", value=b"v")]).SerializeToString()
    async with _cutting(cut, answer) as (peer, prism):
        item = await prism.keyvalue().get("r", b"k")
    assert item is not None
    assert (item.value, peer.calls) == (b"v", 2)


@pytest.mark.parametrize("cut", [each for name, each in CUTS.items() if name != "reset-refused"])
async def test_a_write_is_not_repeated(cut: Cut) -> None:
    """It may have been applied: the error says so, and blames no defect."""
    async with _cutting(cut, messages.PutResponse(versions=[b"1"]).SerializeToString()) as (peer, prism):
        with pytest.raises(GatewayUnavailable) as caught:
            await prism.keyvalue().put("r", {b"k": b"v"})
    assert (caught.value.outcome, peer.calls) == (Outcome.UNKNOWN, 1)


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_a_subscription_is_taken_up_again(cut: Cut) -> None:
    """With a gap, as behind every break."""
    gaps: list[Gap] = []
    async with _cutting(cut, pubsub.Message(payload=b"p").SerializeToString()) as (peer, prism):
        subscription = prism.pubsub().subscribe("t", on_gap=gaps.append)
        assert (await anext(subscription)).payload == b"p"
        await subscription.aclose()
    assert peer.calls == 2
    assert all(isinstance(gap.error, GatewayUnavailable) for gap in gaps)


async def test_a_subscription_that_is_cut_off_at_once_each_time_is_one_outage() -> None:
    """It is not opened again without a pause, and not for longer than the application allows."""
    async with _cutting(CUTS["reset-cancel"], b"", cuts=1_000_000) as (peer, prism):
        subscription = prism.pubsub().subscribe("t", on_gap=lambda _: None, outage_timeout=0.2)
        with pytest.raises(GatewayUnavailable):
            await anext(subscription)
    assert 1 < peer.calls < 400


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_a_scan_goes_on(cut: Cut) -> None:
    """From where it was."""
    async with _cutting(cut, messages.ScanStreamResponse(id="r", cursor=b"c").SerializeToString()) as (peer, prism):
        assert [chunk.record async for chunk in prism.keyvalue().scan_stream()] == ["r"]
    assert peer.calls == 2


async def test_the_gateways_own_internal_error_is_its_own() -> None:
    """It has trailers, and is not repeated."""

    def defect(peer: RawPeer, stream_id: int) -> None:
        fields = [*HEAD, ("grpc-status", "13"), ("grpc-message", "a defect")]
        peer.headers(stream_id, fields, frames.END_HEADERS | frames.END_STREAM)

    async with _cutting(defect, b"") as (peer, prism):
        with pytest.raises(InternalError, match="a defect"):
            await prism.keyvalue().get("r", b"k")
    assert peer.calls == 1


class DyingPeer(CuttingPeer):
    """A gateway that is gone once it has the second call, and takes no third one."""

    async def converse(self, peer: RawPeer) -> None:
        """Answers the first one."""
        while (frame := await peer.frame()) is not None:
            if frame.kind == frames.SETTINGS and not frame.flags & frames.ACK:
                peer.send(frames.SETTINGS, frames.ACK, 0)
            if frame.kind != frames.DATA or not frame.flags & frames.END_STREAM:
                continue
            self.calls += 1
            if self.calls == 2:
                peer.writer.transport.abort()
            else:
                peer.reply(frame.stream_id, self._answer)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_write_that_a_gateway_took_before_it_died_is_not_repeated(proxy: str) -> None:
    """HAProxy refuses its stream, as if no gateway had seen it; only a gateway's own word is taken for that."""
    peer = DyingPeer(_no_trailers, 0, messages.PutResponse(versions=[b"1"]).SerializeToString())
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with proxied(proxy, f"127.0.0.1:{port}", timeout=5) as address:
        async with server, Client(address, retry=QUICK) as prism, asyncio.timeout(20):
            kv = prism.keyvalue()
            await kv.put("r", {b"k": b"v"})
            with pytest.raises(GatewayUnavailable) as caught:
                await kv.put("r", {b"k": b"w"})
    await peer.ended()
    assert (caught.value.outcome, peer.calls) == (Outcome.UNKNOWN, 2)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_quiet_subscription_outlives_a_proxy(upstream: Upstream, events: PubSub, proxy: str) -> None:
    """The proxy ends a stream that is silent for a second; the next one takes its place, and the gap is reported."""
    gaps: list[Gap] = []
    again = asyncio.Event()

    def on_gap(gap: Gap) -> None:
        gaps.append(gap)
        again.set()

    with proxied(proxy, upstream.address, timeout=1) as address:
        async with (
            asyncio.timeout(20),
            Client(address, retry=QUICK) as prism,
            prism.pubsub().subscribe("q.>", on_gap=on_gap) as quiet,
        ):
            await events.publish("q.1", b"before")
            assert (await anext(quiet)).payload == b"before"
            following = asyncio.ensure_future(anext(quiet))
            await again.wait()
            await events.publish("q.1", b"behind")
            assert (await following).payload == b"behind"
    assert gaps[0].after
    assert isinstance(gaps[0].error, GatewayUnavailable)


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_scan_outlives_a_proxy(upstream: Upstream, proxy: str) -> None:
    """What follows the chunk that stalled comes through the next stream."""
    with proxied(proxy, upstream.address, timeout=1) as address:
        async with Client(address, retry=QUICK) as prism, asyncio.timeout(20):
            kv = prism.keyvalue()
            for record in ("a", "b", "c"):
                await kv.put(record, {b"k": b"v"})
            upstream.stalled = True
            found = []
            async for chunk in kv.scan_stream():
                found.append(chunk.record)
                upstream.stalled = False  # the stream under way stays silent for good
    assert found == ["a", "b", "c"]
    assert upstream.methods().count("ScanStream") == 2


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_read_that_a_proxy_gives_up_is_repeated(upstream: Upstream, proxy: str) -> None:
    """The proxy answers with 504 in the gateway's place."""
    with proxied(proxy, upstream.address, timeout=1) as address:
        async with Client(address, retry=QUICK) as prism, asyncio.timeout(20):
            upstream.stalled = True
            reading = asyncio.ensure_future(prism.keyvalue().get("r", b"k"))
            await upstream.arrived.wait()
            upstream.stalled = False
            assert await reading is None
    assert upstream.methods() == ["Get", "Get"]
