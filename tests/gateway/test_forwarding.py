"""The address of a caller behind proxies: whose word is taken, and what hostile headers come to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.connect.door import Door, opened
from prism.gateway.call import Call
from prism.gateway.forwarding import Forwarding, Header
from prism.wire import Metadata, Peer
from prism.wire.http2 import frames
from prism.wire.http2.settings import encode_settings
from prism.wire.networks import Networks
from proxies import PROXIES, Proxy
from wire.raw_peer import RawPeer, message, request

TRUSTED = Networks(["10.0.0.0/8", "2001:db8::/32"])
PROXY = "10.0.0.1:4711"

X_FORWARDED_FOR = {
    "one": (["192.0.2.7"], "192.0.2.7"),
    "port": (["192.0.2.7:5000"], "192.0.2.7"),
    "ipv6": (["2001:470::7"], "2001:470::7"),
    "ipv6-port": (["[2001:470::7]:5000"], "2001:470::7"),
    "said-by-the-caller": (["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
    "two-lines": (["203.0.113.9", "192.0.2.7"], "192.0.2.7"),
    "two-proxies": (["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
    "two-proxies-ipv6": (["192.0.2.7,2001:db8::2 ,10.9.9.9"], "192.0.2.7"),
    "mapped": (["192.0.2.7, ::ffff:10.0.0.2"], "192.0.2.7"),
    "only-proxies": (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    "none": ([], PROXY),
    "empty": ([""], PROXY),
    "garbage": (["192.0.2.7, unknown"], PROXY),
    "garbage-behind-a-proxy": (["192.0.2.7, <script>, 10.0.0.2"], "10.0.0.2"),
    "ends-with-a-comma": (["192.0.2.7,"], PROXY),
    "too-large-a-port": (["192.0.2.7:123456"], PROXY),
    "not-an-address": (["192.0.2.777"], PROXY),
    "very-long": (["192.0.2.7" + ", 10.0.0.2" * 1000], "10.0.0.2"),
}
FORWARDED = {
    "one": (["for=192.0.2.7;proto=https;by=10.0.0.1"], "192.0.2.7"),
    "port": (['for="192.0.2.7:5000"'], "192.0.2.7"),
    "ipv6": (['For="[2001:470::7]:5000"'], "2001:470::7"),
    "not-first": (["proto=http; for=192.0.2.7"], "192.0.2.7"),
    "said-by-the-caller": (["for=203.0.113.9, for=192.0.2.7"], "192.0.2.7"),
    "two-proxies": (['for=192.0.2.7, for="[2001:db8::2]"'], "192.0.2.7"),
    "comma-in-quotes": (['for=203.0.113.9;by="a, for=203.0.113.10", for=192.0.2.7'], "192.0.2.7"),
    "unknown": (["for=192.0.2.7, for=unknown"], PROXY),
    "hidden": (["for=_hidden"], PROXY),
    "none": (["proto=https"], PROXY),
    "open-quote-before": (['for=203.0.113.9;a=", for=192.0.2.7'], PROXY),
    "open-quote-before-a-quoted-one": (['a=b;for=203.0.113.9;a=", for="[2001:470::7]"'], PROXY),
    "escaped-quote": (['a="\\", for=192.0.2.7'], PROXY),
    "prefix-of-a-name": (["xfor=203.0.113.9"], PROXY),
}


def _found(header: Header, lines: list[str], peer: str = PROXY) -> str:
    metadata = Metadata.from_wire(tuple((header, line) for line in lines))
    return Forwarding(TRUSTED, header).address(Peer(peer), metadata)


@pytest.mark.parametrize(("lines", "address"), X_FORWARDED_FOR.values(), ids=X_FORWARDED_FOR)
def test_x_forwarded_for(lines: list[str], address: str) -> None:
    """The last address that is not a proxy's."""
    assert _found("x-forwarded-for", lines) == address


@pytest.mark.parametrize(("lines", "address"), FORWARDED.values(), ids=FORWARDED)
def test_forwarded(lines: list[str], address: str) -> None:
    """The same in the words of RFC 7239."""
    assert _found("forwarded", lines) == address


@pytest.mark.parametrize("peer", ["192.0.2.1:1", "[2001:470::1]:1", "unix:", "[::ffff:192.0.2.1]:1"])
def test_others_are_not_believed(peer: str) -> None:
    """Whoever is no trusted proxy is where its connection comes from."""
    assert _found("x-forwarded-for", ["203.0.113.9"], peer) == peer


@pytest.mark.parametrize("peer", ["10.0.0.1:1", "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"])
def test_proxies_are_known_by_every_spelling(peer: str) -> None:
    """A port that listens on both kinds of IP shows IPv4 as IPv6."""
    assert _found("x-forwarded-for", ["203.0.113.9"], peer) == "203.0.113.9"


@given(
    header=st.sampled_from(["x-forwarded-for", "forwarded"]),
    before=st.text('for=10.2,;:"[]\\ abunknow', max_size=60) | st.text(st.characters(codec="latin-1"), max_size=60),
    quoted=st.booleans(),
)
def test_what_a_caller_says_before_its_proxy_is_never_believed(header: Header, before: str, quoted: bool) -> None:
    """The proxy has added the caller's address: it is found, or nothing is."""
    added = "192.0.2.7"
    if header == "forwarded":
        added = 'for="192.0.2.7:5000"' if quoted else "for=192.0.2.7"
    assert _found(header, [f"{before}, {added}"]) in ("192.0.2.7", PROXY)
    assert _found(header, [before, added]) in ("192.0.2.7", PROXY)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door, asyncio.timeout(30):
        forwarding = Forwarding(Networks(["127.0.0.1"]), "x-forwarded-for")
        door.gateway.snapshot = replace(door.gateway.snapshot, forwarding=forwarding)
        yield door


@pytest.mark.parametrize("name", PROXIES)
async def test_through_real_proxies(door: Door, name: str) -> None:
    """Each adds where the caller is to what the caller says."""
    addresses: list[str] = []

    def note(call: Call) -> None:
        addresses.append(call.address)

    door.gateway.observe((), first=(note,))
    with Proxy(name, [door.address], timeout=10) as proxy:
        host, _, port = proxy.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))
        writer.write(frames.PREFACE + encode_settings({}))
        peer = RawPeer(reader, writer)
        peer.headers(1, [*request("/prism.data.v1.KeyValue/Get"), ("x-forwarded-for", "203.0.113.9")])
        peer.send(frames.DATA, frames.END_STREAM, 1, message(b""))
        await peer.until(frames.HEADERS, 1)
        writer.close()
    assert addresses == ["127.0.0.2"]
