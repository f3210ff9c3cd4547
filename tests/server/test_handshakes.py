"""Handshakes of TLS that fail: what is counted and told of certificates and clients of every bad kind."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import pytest

from authority import Authority
from prism.server.handshakes import Cause, HandshakeFailures
from prism.telemetry.audit import audit
from prism.wire import Server, client_context, server_context

Events = asyncio.Queue[audit.Event]
Attempt = Callable[["Parties"], ssl.SSLContext | bytes]


@dataclass
class Parties:
    """Who issues certificates: the gateway's own authority, that of its callers, and one that nobody knows."""

    own: Authority
    callers: Authority
    others: Authority

    def client(
        self, authority: Authority | None = None, *, revoked: bool = False, expired: bool = False
    ) -> ssl.SSLContext:
        """A client with a certificate of an authority; None for none."""
        if authority is None:
            return client_context(self.own.ca)
        issued = authority.issue("app", expired=expired)
        if revoked:
            authority.revoke(issued)
        return client_context(self.own.ca, issued.cert, issued.key)


@pytest.fixture(scope="module")
def parties(tmp_path_factory: pytest.TempPathFactory) -> Parties:
    folder = tmp_path_factory.mktemp("handshakes")
    return Parties(*(Authority(folder / name, name) for name in ("own", "callers", "others")))


@pytest.fixture
def events() -> Iterator[Events]:
    """What the audit trail is told."""
    heard: Events = asyncio.Queue()

    class Hear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.put_nowait(record.event)  # type: ignore[attr-defined]

    logger, handler = logging.getLogger(audit.LOGGER), Hear()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield heard
    logger.removeHandler(handler)
    logger.setLevel(level)


@contextlib.asynccontextmanager
async def port(
    parties: Parties, handshakes: HandshakeFailures, minimum: ssl.TLSVersion
) -> AsyncIterator[tuple[str, int]]:
    """A port that wants certificates of the callers' authority that are not revoked."""
    issued = parties.own.issue("gateway", dns="localhost", ip="127.0.0.1")
    ca, crl = parties.callers.ca, parties.callers.crl
    context = server_context(issued.cert, issued.key, ca, crl=crl, minimum=minimum)
    async with Server(lambda _: None) as server:
        address = await server.listen("127.0.0.1:0", tls=handshakes.watch(context))
        yield "127.0.0.1", int(address.rpartition(":")[2])


def attempt(address: tuple[str, int], what: ssl.SSLContext | bytes) -> None:
    """Connects until the other side has had enough; in a thread."""
    with socket.create_connection(address, timeout=10) as plain, contextlib.suppress(OSError):
        if isinstance(what, bytes):
            plain.sendall(what)
            while plain.recv(1000):
                pass
        else:
            with what.wrap_socket(plain, server_hostname=address[0]) as secured:
                while secured.recv(1000):
                    pass


def _limited(context: ssl.SSLContext, *, ciphers: str = "") -> ssl.SSLContext:
    """A client that speaks TLS 1.2 only."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if ciphers:
        context.set_ciphers(ciphers)
    return context


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.mark.parametrize(
    ("who", "minimum", "why"),
    [
        pytest.param(lambda all_: all_.client(), V12, Cause.NO_CERTIFICATE, id="without a certificate"),
        pytest.param(lambda all_: _limited(all_.client()), V12, Cause.NO_CERTIFICATE, id="without one, by TLS 1.2"),
        pytest.param(lambda all_: all_.client(all_.others), V12, Cause.UNKNOWN_AUTHORITY, id="of another authority"),
        pytest.param(lambda all_: all_.client(all_.callers, expired=True), V12, Cause.EXPIRED, id="expired"),
        pytest.param(lambda all_: all_.client(all_.callers, revoked=True), V12, Cause.REVOKED, id="revoked"),
        pytest.param(
            lambda all_: _limited(all_.client(all_.callers)),
            V13,
            Cause.TLS_VERSION,
            id="an older TLS than is spoken",
        ),
        pytest.param(
            lambda all_: _limited(all_.client(all_.callers), ciphers="AES128-GCM-SHA256"),
            V12,
            Cause.NO_COMMON_CIPHER,
            id="ciphers for another kind of key",
        ),
        pytest.param(lambda _: b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", V12, Cause.NOT_TLS, id="HTTP in clear text"),
        pytest.param(lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", V12, Cause.NOT_TLS, id="gRPC in clear text"),
        pytest.param(
            lambda all_: client_context(all_.others.ca),
            V12,
            Cause.REFUSED_BY_CLIENT,
            id="a client that knows us not",
        ),
    ],
)
async def test_each_failure_is_counted_and_told_by_why(
    parties: Parties,
    events: Events,
    caplog: pytest.LogCaptureFixture,
    who: Attempt,
    minimum: ssl.TLSVersion,
    why: Cause,
) -> None:
    """One event that names the port and the reason, one line of the log, one more in the metrics, no other."""
    handshakes = HandshakeFailures("gateway.tls")
    what = who(parties)
    async with port(parties, handshakes, minimum) as address:
        await asyncio.to_thread(attempt, address, what)
        event = await events.get()
    assert (event.kind, event.action, event.outcome) == ("denial", "tls.handshake", "UNAUTHENTICATED")
    assert (event.reason, event.detail["section"], event.detail["untold"]) == (why.upper(), "gateway.tls", 0)
    assert {each: count for each, count in handshakes.counts.items() if count} == {why: 1}
    assert [each.getMessage() for each in caplog.records if each.name == "prism.server.handshakes"] == [
        f"port secured by gateway.tls: a TLS handshake failed and the connection was closed: {event.detail['message']}"
    ]


async def test_a_handshake_that_succeeds_is_none_of_them(parties: Parties, events: Events) -> None:
    """And the connection that comes of it is like any other."""
    handshakes = HandshakeFailures("gateway.tls")
    async with port(parties, handshakes, V12) as (host, number):
        reader, writer = await asyncio.open_connection(host, number, ssl=parties.client(parties.callers))
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert await reader.readexactly(9)
        writer.close()
        await writer.wait_closed()
    assert events.empty()
    assert not any(handshakes.counts.values())


async def test_a_flood_is_counted_and_told_of_now_and_then(
    parties: Parties, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at once, then one in ten seconds, which says how many there were; another reason is not drowned in it."""
    now = [1000.0]
    monkeypatch.setattr("prism.server.handshakes.monotonic", lambda: now[0])
    handshakes = HandshakeFailures("admin.tls")
    garbage = b"GET / HTTP/1.1\r\n\r\n"
    async with port(parties, handshakes, V12) as address:
        for _ in range(20):
            await asyncio.to_thread(attempt, address, garbage)
        assert handshakes.counts[Cause.NOT_TLS] == 20
        assert events.qsize() == 5
        await asyncio.to_thread(attempt, address, parties.client())
        assert handshakes.counts[Cause.NO_CERTIFICATE] == 1
        assert events.qsize() == 6
        now[0] += 10
        await asyncio.to_thread(attempt, address, garbage)
    told = [events.get_nowait() for _ in range(events.qsize())]
    assert [each.detail["untold"] for each in told] == [0] * 6 + [15]
