"""What an attacker sends to a whole gateway by hand: two readings of one request, namespaces in disguise, odd tokens,
and lines for the logs.
"""

import asyncio
import contextlib
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

import gateways
from gateway.issuer import Issuer
from prism.interfaces import keyvalue as kv
from prism.wire.http2 import frames
from wire.raw_peer import RawPeer, message, request

KEY = "prism_" + "k" * 43
GET = "/prism.data.v1.KeyValue/Get"
BODY = b'{"id":"r","keys":["aw=="]}'
WIRED = kv.GetRequest(id="r", keys=[b"k"]).SerializeToString()
PATIENCE = 60.0
pytestmark = pytest.mark.xdist_group("attacks")  # all on one gateway, which is looked at when they are over


@dataclass(frozen=True)
class Target:
    """A gateway whose one key, and whose tokens, are bound to the namespace `orders`; `payments` is there too."""

    gateway: gateways.GatewayProcess
    issuer: Issuer
    audit: Path

    async def http1(self, data: bytes, *, waits: bool = False) -> bytes:
        """All that is answered, until the connection is closed: by us, unless the gateway is waited for."""
        host, _, port = self.gateway.data.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        if not waits:
            writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            answer = await reader.read()
        writer.close()
        with contextlib.suppress(OSError):  # it may have been reset
            await writer.wait_closed()
        return answer

    async def status(self, *, credential: str = KEY, **headers: bytes) -> tuple[int, bytes]:
        """The status and the body of one good request, but for these headers."""
        lines = [b"connection: close", b"authorization: Bearer " + credential.encode()]
        lines += [name.replace("_", "-").encode() + b": " + value for name, value in headers.items()]
        answer = await self.http1(post(b"\r\n".join(lines)), waits=True)
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    async def http2(self, *fields: tuple[str, str], trailers: tuple[tuple[str, str], ...] = ()) -> str:
        """The gRPC status of one good call with these fields more, or that the stream was reset."""
        async with await RawPeer.connect(self.gateway.data) as peer, asyncio.timeout(PATIENCE):
            peer.headers(1, [*request(GET), *fields])
            if not trailers:
                peer.send(frames.DATA, frames.END_STREAM, 1, message(WIRED))
            else:
                peer.send(frames.DATA, 0, 1, message(WIRED))
                peer.headers(1, trailers, frames.END_HEADERS | frames.END_STREAM)
            while (frame := await peer.frame()) is not None:
                if frame.kind == frames.HEADERS and "grpc-status" in (found := peer.fields(frame)):
                    return found["grpc-status"]
                if frame.kind == frames.RST_STREAM:
                    return "reset"
        return "closed"

    def signed(self, payload: bytes) -> str:
        """A token with these claims, well signed, whatever they are."""
        head = encoded(b'{"alg":"RS256","kid":"first"}') + "." + encoded(payload)
        key = self.issuer.keys["first"]
        return head + "." + encoded(RSAAlgorithm(RSAAlgorithm.SHA256).sign(head.encode(), key))  # type: ignore[arg-type]

    def claims(self, **changes: Any) -> bytes:
        """Those of a good token, changed."""
        return json.dumps(self.issuer.claims(namespaces=["orders"], **changes)).encode()


def post(headers: bytes, body: bytes = BODY) -> bytes:
    """A request over HTTP/1.1 with these headers more."""
    head = f"POST {GET} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + headers + b"\r\n\r\n" + body


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Looked at when all attempts are over: nothing of them was a defect, and every line of the trail is one event."""
    folder = tmp_path_factory.mktemp("target")
    issuer = Issuer().start()
    key = {"name": "ci", "hash": f"sha256:{hashlib.sha256(KEY.encode()).hexdigest()}", "namespaces": ["orders"]}
    oidc = {"type": "oidc", "issuer": issuer.url, "audiences": ["prism"], "namespaces_claim": "namespaces"}
    config = {
        "gateway": {"listen": "127.0.0.1:0", "drain_timeout": 1},
        "telemetry": {"listen": "127.0.0.1:0", "log": {"level": "debug", "access": True, "format": "json"}},
        "audit": {"output": str(folder / "audit.log")},
        "authentication": {"methods": [oidc, {"type": "api_keys", "keys": [key]}]},
        "authorization": {"rules": [{"principals": ["*"], "namespaces": ["*"], "operations": ["read", "write"]}]},
        "namespaces": [gateways.namespace(name, "memory") for name in ("orders", "payments")],
    }
    try:
        with gateways.running(config, folder / "gateway") as gateway:
            yield Target(gateway, issuer, folder / "audit.log")
    finally:
        issuer.stop()
    log = gateway.log
    assert "Traceback" not in log
    assert "unexpectedly" not in log
    events = [json.loads(line) for line in (folder / "audit.log").read_text().splitlines()]
    assert len(events) > 20
    assert all(event["kind"] in ("denial", "admin", "plugin") for event in events)
    assert KEY not in log + json.dumps(events)


async def test_a_good_request_passes(target: Target) -> None:
    """By both ways in, with a key and with a token: what is refused below is refused for what is wrong with it."""
    for credential in (KEY, target.signed(target.claims())):
        assert (await target.status(credential=credential, prism_namespace=b"orders"))[0] == 200
        bearer = ("authorization", f"Bearer {credential}")
        assert await target.http2(bearer, ("prism-namespace", "orders")) == "0"


@pytest.mark.parametrize(
    "name",
    [b"payments", b"PAYMENTS", b"\tpayments ", b"pay%6dents", b"payments%00", b"orders/../payments",
     b"orders\r\n payments", b"p\xd0\xb0yments", b"\xef\xbd\x90ayments", b"payments\xc2\xa0", b"orders, payments",
     b"orders;payments", b"*", b"", b"order?", b"." * 64, b"o" * 4000],
)  # fmt: skip
async def test_a_namespace_in_disguise_is_none_of_the_caller_s(target: Target, name: bytes) -> None:
    """Cyrillic, full width, percent, case, space, folded lines: compared to the letter, and denied."""
    status, body = await target.status(prism_namespace=name)
    assert (status, json.loads(body)["code"]) == (403, "permission_denied")


@pytest.mark.parametrize("name", [b"pay\0ments", b"orders\x0bpayments", b"orders\rprism-namespace: payments", b"a\nb"])
async def test_a_value_that_is_no_header_ends_the_request(target: Target, name: bytes) -> None:
    """Nothing of it is decided upon."""
    status, _ = await target.status(prism_namespace=name)
    assert status == 400


SECOND = post(b"authorization: Bearer " + KEY.encode() + b"\r\nprism-namespace: orders")
HEAD = f"POST {GET} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n".encode()


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", id="both lengths"),
        pytest.param(HEAD + b"content-length: 5\r\ncontent-length: 0\r\n\r\n", id="two lengths"),
        pytest.param(HEAD + b"content-length: +0\r\n\r\n", id="a sign"),
        pytest.param(HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", id="another coding"),
        pytest.param(HEAD + b"transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n", id="two codings"),
        pytest.param(HEAD + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n", id="a space before the colon"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\n-1\r\n\r\n", id="a negative chunk"),
        pytest.param(HEAD + b"transfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", id="a chunk's length in C"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", id="two hosts"),
    ],
)
async def test_what_two_readers_would_end_at_different_places_ends_the_connection(target: Target, first: bytes) -> None:
    """The second request, which a proxy might have taken for a body, is not carried out."""
    answer = await target.http1(first + SECOND)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_trailers_and_other_names_decide_nothing(target: Target) -> None:
    """Neither after a chunked body, nor after the message of a stream, nor beside the header in another spelling."""
    mine = b"authorization: Bearer " + KEY.encode() + b"\r\nprism-namespace: orders\r\n"
    chunked = b"%x\r\n%b\r\n0\r\nprism-namespace: payments\r\n\r\n" % (len(BODY), BODY)
    answer = await target.http1(HEAD + mine + b"transfer-encoding: chunked\r\n\r\n" + chunked)
    assert answer.startswith(b"HTTP/1.1 200 ")
    bearer, orders = ("authorization", f"Bearer {KEY}"), ("prism-namespace", "orders")
    assert await target.http2(bearer, orders, trailers=(("prism-namespace", "payments"),)) == "0"
    assert await target.http2(orders, trailers=(bearer,)) == "16"
    others = {"prism_namespace_bin": b"cGF5bWVudHM", "x_forwarded_prism_namespace": b"payments"}
    assert (await target.status(prism_namespace=b"orders", **others))[0] == 200


@pytest.mark.parametrize(
    ("field", "verdict"),
    [
        (("prism-namespace", "payments"), "3"),
        (("prism-namespace", "orders"), "3"),
        (("authorization", "Bearer x"), "3"),
        (("Prism-Namespace", "payments"), "reset"),
        (("prism-namespace", "orders\r\nprism-namespace: payments"), "reset"),
        (("x", "a\nb"), "reset"),
        (("x", "a\0b"), "reset"),
        (("x", " a"), "reset"),
        (("", "a"), "reset"),
        (("connection", "prism-namespace"), "reset"),
        (("transfer-encoding", "chunked"), "reset"),
        (("content-length", "3"), "reset"),
        ((":path", "/prism.data.v1.KeyValue/Put"), "reset"),
    ],
)
async def test_a_call_that_could_be_read_twice_is_refused(target: Target, field: tuple[str, str], verdict: str) -> None:
    """By HTTP/2: a second header that decides, a name that is none, a value with line ends, what is of HTTP/1."""
    assert await target.http2(("authorization", f"Bearer {KEY}"), ("prism-namespace", "orders"), field) == verdict


def odd_tokens(target: Target) -> Iterator[str]:
    """Tokens to break a parser, a log or a memory with."""
    named = json.dumps({"iss": target.issuer.url}).encode()
    for header in (b'{"alg":NaN}', b'{"alg":' + b"1" * 5000 + b"}", b'{"alg":["RS256"]}', b'{"alg":{}}',
                   b'{"alg":"RS256","kid":"\\ud800"}', b'{"alg":"RS256","kid":"a\\r\\n{\\"kind\\":\\"admin\\"}"}',
                   b'{"alg":"RS256","kid":"../../etc/passwd"}', b'{"alg":"RS256","kid":' + b"9" * 400 + b"}",
                   b'{"alg":"RS256","jku":"http://evil.example/","jwk":{},"x5u":"http://evil.example/"}'):  # fmt: skip
        yield f"{encoded(header)}.{encoded(named)}.c2ln"
    yield f"{encoded(b'[' * 5000)}.{encoded(named)}.c2ln"
    yield f"{encoded(b'{}')}.{encoded(b'[' * 5000)}.c2ln"
    yield f"{encoded(json.dumps({'alg': 'none'}).encode('utf-16'))}.{encoded(named)}."
    yield f"{encoded(b'[]')}.{encoded(b'[]')}.c2ln"
    yield f"{'a' * 12_000}.b.c"
    yield "...."
    for claims in ({"sub": "x" * 5000}, {"sub": ["a"]}, {"sub": {}}, {"exp": float("inf")}, {"exp": [1]}, {"exp": -1},
                   {"nbf": 10**30}, {"aud": [["prism"]]}, {"aud": {"prism": 1}}):  # fmt: skip
        yield target.signed(target.claims(**claims))
    good = target.claims().decode()
    exp = good.partition('"exp": ')[2].partition(",")[0].rstrip("}")
    yield target.signed(good.replace(f'"exp": {exp}', f'"exp": 1{"0" * 400}').encode())
    yield target.signed(good.replace('"sub": "alice"', '"sub": "alice", "sub": 7').replace("7", "{}").encode())


async def test_an_odd_token_is_a_bad_one_and_nothing_else(target: Target) -> None:
    """No defect, no other text, whatever is in it; the gateway fetches nothing that a token names."""
    for token in odd_tokens(target):
        status, body = await target.status(credential=token, prism_namespace=b"orders")
        assert (status, json.loads(body)["message"][:32]) == (401, "the credentials were not accepte"), token[:200]


async def test_names_with_line_ends_forge_no_event(target: Target) -> None:
    """A well-signed subject may hold anything; the trail's lines stay what they are, one event each."""
    forged = '\n{"kind":"admin","action":"configuration.reload","outcome":"OK"}\r\n'
    token = target.signed(target.claims(sub=f"eve{forged}"))
    status, _ = await target.status(credential=token, prism_namespace=b"payments")
    assert status == 403
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE):
        while not seen:  # a file tells nobody of its lines
            await asyncio.sleep(0.02)
            lines = map(json.loads, target.audit.read_text().splitlines())
            seen = [event for event in lines if str(event.get("principal", "")).startswith("eve")]
    assert (seen[0]["kind"], seen[0]["principal"]) == ("denial", f"eve{forged}")


async def test_a_key_in_the_wrong_place_is_kept_nowhere(target: Target) -> None:
    """In a path, a query, as another scheme or as the namespace: the caller's mistake, and nobody's to read."""
    key = KEY.encode()
    for line in (b"GET /" + key, b"GET " + GET.encode() + b"?encoding=json&message=%7B%7D&api_key=" + key):
        await target.http1(line + b" HTTP/1.1\r\nhost: x\r\n\r\n")
    await target.http1(post(b"authorization: Basic " + key))
    status, _ = await target.status(prism_namespace=key)
    assert status == 403
