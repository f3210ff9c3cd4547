"""Key sets from servers that mean harm or are out of order: nothing of what they give is used."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.issuer import public_jwk, rsa_key
from prism.config.sections.authentication import Oidc
from prism.gateway.auth.jwks import MAX_BYTES, MAX_KEYS, Jwks

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    """A key that is one."""
    return public_jwk("good", rsa_key())


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that answers each path so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            await answer(head.split()[1].decode(), writer)
            await writer.drain()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def whole(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    """An answer over HTTP."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def fetched(url: str, caplog: pytest.LogCaptureFixture, **options: Any) -> tuple[Jwks, str]:
    """A key set after its first fetch, and what the log says of it."""
    section = {"type": "oidc", "issuer": url, "audiences": ["prism"], "fetch_timeout": 5, **options}
    keys = Jwks(Oidc.model_validate(section))
    keys.start()
    await keys.attempted()
    await keys.stop()
    return keys, caplog.text


async def test_keys_are_found_by_discovery(good: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """What is refused below is refused for what is wrong with it."""

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        discovery = {"issuer": url, "jwks_uri": f"{url}/jwks"}
        writer.write(whole(json.dumps({"keys": [good]} if path == "/jwks" else discovery).encode()))

    async with serving(answer) as url:
        keys, _ = await fetched(url, caplog)
    assert keys.usable
    assert keys.find("good", "RS256") is not None


async def test_no_redirect_is_followed(good: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Keys come from where the configuration says, and not from where a server sends one."""
    asked: list[str] = []

    async def other(path: str, writer: asyncio.StreamWriter) -> None:
        asked.append(path)
        writer.write(whole(json.dumps({"keys": [good]}).encode()))

    async with serving(other) as elsewhere:

        async def answer(_: str, writer: asyncio.StreamWriter) -> None:
            writer.write(whole(b"", "302 Found", f"location: {elsewhere}/jwks"))

        async with serving(answer) as url:
            keys, log = await fetched(url, caplog, jwks_url=f"{url}/jwks")
    assert (keys.usable, asked) == (False, [])
    assert "302" in log


async def test_a_server_that_drips_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """A fetch ends when its time is over, though something comes all the while."""

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)  # the drip

    async with serving(answer) as url:
        keys, log = await fetched(url, caplog, jwks_url=f"{url}/jwks", fetch_timeout=0.5)
    assert not keys.usable
    assert "timed out" in log


async def test_a_server_that_floods_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """No more is read than a key set can have."""
    sent = 0

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        while sent < 1000 * MAX_BYTES:
            writer.write(b" " * 65536)
            sent += 65536
            await writer.drain()

    async with serving(answer) as url:
        keys, log = await fetched(url, caplog, jwks_url=f"{url}/jwks")
    assert not keys.usable
    assert f"has more than {MAX_BYTES} bytes" in log
    assert sent < 20 * MAX_BYTES


SHORT = public_jwk("short", rsa.generate_private_key(public_exponent=65537, key_size=1024))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "is not a JSON object"),
        (b'{"keys": {}}', "no list of keys"),
        (b'{"keys": []}', "no key in it"),
        (b'{"keys": [{"kty": "oct", "kid": "x", "k": "c2VjcmV0"}, {"kty": "RSA"}, 7, null]}', "no key in it"),
        (json.dumps({"keys": [SHORT]}).encode(), "no key in it"),
        (
            json.dumps({"keys": [SHORT | {"key_ops": 5}, SHORT | {"n": 7}, {"kty": ["RSA"]}]}).encode(),
            "no key in it",
        ),
        (json.dumps({"keys": [{"kty": "EC", "crv": {}, "x": [], "y": None}]}).encode(), "no key in it"),
        (b'"\xff"', "decode"),
    ],
    # Said here: a key is another in each process, and processes that share the tests must agree on their names.
    ids=[
        "nothing",
        "brackets",
        "a list",
        "keys are no list",
        "no key",
        "keys of no use",
        "a short key",
        "fields of a wrong kind",
        "a curve of a wrong kind",
        "no text",
    ],
)
async def test_what_is_no_key_set_is_not_used(caplog: pytest.LogCaptureFixture, body: bytes, says: str) -> None:
    """Not JSON, no keys, secrets in place of public keys, keys that are too short to trust."""

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(body))

    async with serving(answer) as url:
        keys, log = await fetched(url, caplog, jwks_url=f"{url}/jwks")
    assert not keys.usable
    assert "cannot fetch the signing keys" in log
    assert says in log


async def test_a_discovery_document_of_another_issuer_is_not_believed(
    good: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Nor what it says of where keys are."""

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        other = {"issuer": "https://evil.example", "jwks_uri": f"{url}/jwks"}
        writer.write(whole(json.dumps({"keys": [good]} if path == "/jwks" else other).encode()))

    async with serving(answer) as url:
        keys, log = await fetched(url, caplog)
    assert not keys.usable
    assert "evil.example" in log


async def test_of_very_many_keys_some_are_kept(good: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A key set has a bound, as everything that somebody else makes longer."""

    async def answer(_: str, writer: asyncio.StreamWriter) -> None:
        many = [good | {"kid": str(number)} for number in range(MAX_KEYS + 50)]
        writer.write(whole(json.dumps({"keys": many}).encode()))

    async with serving(answer) as url:
        keys, _ = await fetched(url, caplog, jwks_url=f"{url}/jwks")
    found = [keys.find(str(number), "RS256") is not None for number in range(MAX_KEYS + 50)]
    assert found == [True] * MAX_KEYS + [False] * 50
