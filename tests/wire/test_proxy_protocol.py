"""The PROXY protocol on a listening port: whose it is read, what it says, and what hostile headers come to."""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from prism.wire import Channel, Server, ServerConfig, client_context, server_context
from prism.wire.http2 import frames
from prism.wire.http2.settings import encode_settings
from prism.wire.networks import Networks
from prism.wire.server.proxy_protocol import SIGNATURE, BadHeader, read_header
from proxies import Proxy
from wire.raw_peer import RawPeer
from wire.service import Service

HERE = Networks(["127.0.0.1"])
OPENING = frames.PREFACE + encode_settings({})


def v2(command: int, family: int, block: bytes, size: int | None = None) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(block) if size is None else size) + block


IPV4 = bytes([192, 0, 2, 1, 10, 0, 0, 1]) + struct.pack(">HH", 5000, 443)
IPV6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07" + bytes(16) + struct.pack(">HH", 5000, 443)

GOOD = {
    "v1-tcp4": (b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443\r\n", "192.0.2.1:5000"),
    "v1-tcp6": (b"PROXY TCP6 2001:db8::7 ::1 5000 443\r\n", "[2001:db8::7]:5000"),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", ""),
    "v1-unknown-more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
    "v2-tcp4": (v2(0x21, 0x11, IPV4), "192.0.2.1:5000"),
    "v2-tcp6": (v2(0x21, 0x21, IPV6), "[2001:db8::7]:5000"),
    "v2-notes": (v2(0x21, 0x11, IPV4 + b"\x03\x00\x04\xde\xad\xbe\xef"), "192.0.2.1:5000"),
    "v2-local": (v2(0x20, 0x00, b""), ""),
    "v2-unix": (v2(0x21, 0x31, bytes(216)), ""),
}
BAD = {
    "empty": b"",
    "http2": OPENING,
    "http1": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
    "v1-no-end": b"PROXY TCP4 " + b"1" * 200,
    "v1-bare-newline": b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443\n",
    "v1-too-few": b"PROXY TCP4 192.0.2.1 10.0.0.1 5000\r\n",
    "v1-too-many": b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443 1\r\n",
    "v1-family": b"PROXY TCP4 2001:db8::7 ::1 5000 443\r\n",
    "v1-kind": b"PROXY UDP4 192.0.2.1 10.0.0.1 5000 443\r\n",
    "v1-port": b"PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n",
    "v1-port-sign": b"PROXY TCP4 192.0.2.1 10.0.0.1 +500 443\r\n",
    "v1-spaces": b"PROXY TCP4  192.0.2.1 10.0.0.1 5000 443\r\n",
    "v1-lower": b"proxy tcp4 192.0.2.1 10.0.0.1 5000 443\r\n",
    "v1-cut": b"PROXY TCP4 192.0.2.1 10",
    "v1-octal": b"PROXY TCP4 192.0.02.1 10.0.0.1 5000 443\r\n",
    "v1-bytes": b"PROXY TCP4 \xff\xfe 10.0.0.1 5000 443\r\n",
    "v2-version": v2(0x11, 0x11, IPV4),
    "v2-command": v2(0x22, 0x11, IPV4),
    "v2-short": v2(0x21, 0x11, IPV4[:11]),
    "v2-short-ipv6": v2(0x21, 0x21, IPV4),
    "v2-huge": v2(0x21, 0x11, IPV4, 65535),
    "v2-cut": v2(0x21, 0x11, IPV4, 40),
    "v2-head-cut": SIGNATURE + b"\x21",
}


class Socket:
    """Gives what was said in pieces of some size, and counts what was taken."""

    def __init__(self, said: bytes, piece: int) -> None:
        self.left = said
        self._piece = piece

    async def receive(self, size: int) -> bytes:
        size = min(size, self._piece)
        taken, self.left = self.left[:size], self.left[size:]
        return taken


@pytest.mark.parametrize("piece", [1, 7, 4096])
@pytest.mark.parametrize(("header", "address"), GOOD.values(), ids=GOOD)
async def test_headers(header: bytes, address: str, piece: int) -> None:
    """In pieces of any size; what follows is left where it is."""
    socket = Socket(header + b"\x16\x03 behind", piece)
    assert await read_header(socket.receive) == address
    assert socket.left == b"\x16\x03 behind"


@pytest.mark.parametrize("said", BAD.values(), ids=BAD)
async def test_what_is_not_a_header(said: bytes) -> None:
    """Refused, with no other error."""
    with pytest.raises(BadHeader):
        await read_header(Socket(said, 5).receive)


@settings(max_examples=300)
@given(
    start=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ", SIGNATURE, SIGNATURE + b"\x21\x11\x00"]),
    rest=st.binary(max_size=300) | st.text("0123456789abcdef:. TCP\r\n", max_size=120).map(str.encode),
    piece=st.integers(1, 50),
)
def test_hostile_headers(start: bytes, rest: bytes, piece: int) -> None:
    """Whatever comes is a header or is refused, and never more than a header's most is taken."""
    socket = Socket(start + rest, piece)

    async def read() -> None:
        with suppress(BadHeader):
            await read_header(socket.receive)

    asyncio.run(read())
    assert len(start + rest) - len(socket.left) <= 16 + 4096


@asynccontextmanager
async def _served(proxies: Networks | None, **more: float) -> AsyncIterator[tuple[Service, Server, str]]:
    service = Service()
    config = ServerConfig(proxies=proxies, **more)  # type: ignore[arg-type]  # times
    async with Server(service.lookup, config=config) as server, asyncio.timeout(20):
        yield service, server, await server.listen("127.0.0.1:0")


async def test_the_address_is_the_clients() -> None:
    """As every later part sees it."""
    async with _served(HERE) as (service, _, address):
        peer = await RawPeer.connect(address, preface=GOOD["v2-tcp6"][0] + OPENING)
        peer.call(1)
        await peer.until(frames.DATA, 1)
        assert service.call is not None
        assert service.call.peer.address == "[2001:db8::7]:5000"
        peer.writer.close()


async def test_the_proxys_own_checks_have_its_address() -> None:
    """LOCAL: there is no client."""
    async with _served(HERE) as (service, _, address):
        peer = await RawPeer.connect(address, preface=GOOD["v2-local"][0] + OPENING)
        peer.call(1)
        await peer.until(frames.DATA, 1)
        assert service.call is not None
        assert service.call.peer.address.startswith("127.0.0.1:")
        peer.writer.close()


async def test_a_header_from_elsewhere_is_not_read() -> None:
    """It is no HTTP; a connection without one is served."""
    async with _served(Networks(["192.0.2.0/24", "::1"])) as (service, _, address):
        peer = await RawPeer.connect(address, preface=GOOD["v1-tcp4"][0] + OPENING)
        answer = await peer.reader.read()
        assert not answer.startswith(b"HTTP/1.1 2")
        peer.writer.close()
        async with Channel(address) as channel:
            assert await channel.unary("/test.Test/Echo", b"x") == b"x"
        assert service.call is not None
        assert service.call.peer.address.startswith("127.0.0.1:")


async def test_a_proxy_without_a_header_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The connection is closed, with a line and a count."""
    async with _served(HERE) as (_, server, address):
        with caplog.at_level(logging.WARNING, "prism.wire"):
            peer = await RawPeer.connect(address)
            assert await peer.frame() is None
        peer.writer.close()
        assert server.terminations["proxy_header"] == 1
    assert "127.0.0.1: a connection was closed: its first bytes are not a header" in caplog.text


async def test_a_header_that_does_not_come_in_time_ends(caplog: pytest.LogCaptureFixture) -> None:
    """As every other head."""
    async with _served(HERE, header_timeout=0.1) as (_, server, address):
        peer = await RawPeer.connect(address, preface=GOOD["v2-tcp4"][0][:20])
        assert await peer.reader.read() == b""
        peer.writer.close()
        assert server.terminations["proxy_header"] == 1
    assert "did not come in time" in caplog.text


async def test_a_close_does_not_wait_for_a_header() -> None:
    """Nor leaves the connection open."""
    async with _served(HERE) as (_, server, address):
        peer = await RawPeer.connect(address, preface=b"PROXY ")
        later = await RawPeer.connect(address, preface=GOOD["v1-tcp4"][0] + OPENING)
        later.call(1)
        await later.until(frames.DATA, 1)  # so the first one has been accepted
        await server.close()
        assert await peer.frame() is None
        for each in (peer, later):
            each.writer.close()


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
async def test_behind_haproxy_with_tls(version: str, tmp_path: Path) -> None:
    """The header, then the handshake of the client's own TLS, which HAProxy passes through."""
    authority = trustme.CA()
    identity = authority.issue_cert("localhost")
    ca, cert, key = tmp_path / "ca.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    authority.cert_pem.write_to_path(ca)
    identity.cert_chain_pems[0].write_to_path(cert)
    identity.private_key_pem.write_to_path(key)
    service = Service()
    async with Server(service.lookup, config=ServerConfig(proxies=HERE)) as server, asyncio.timeout(30):
        upstream = await server.listen("127.0.0.1:0", tls=server_context(cert, key))
        with Proxy("haproxy", [upstream], timeout=5, kind="haproxy tcp", put={"send-proxy-v2": version}) as proxy:
            host, _, port = proxy.address.rpartition(":")
            reader, writer = await asyncio.open_connection(
                host, int(port), ssl=client_context(ca), server_hostname="localhost", local_addr=("127.0.0.2", 0)
            )
            writer.write(OPENING)
            peer = RawPeer(reader, writer)
            peer.call(1)
            await peer.until(frames.DATA, 1)
            writer.close()
        assert service.call is not None
        assert service.call.peer.tls
        assert service.call.peer.address.startswith("127.0.0.2:")
