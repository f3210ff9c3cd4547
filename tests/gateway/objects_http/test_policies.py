"""Objects over plain HTTP pass what every call passes: credentials, rules, limits; before a body is asked for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import OBJECTS, Site, reply
from gateway.objects_http.test_presign import api_key, keys, secret
from prism.config.sections.policy import PolicySection
from prism.errors import PrismError
from prism.gateway.call import Call
from prism.wire import Code


class Ledger:
    """An observer that keeps what has ended."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.second = asyncio.Event()

    def ended(self, call: Call, code: Code, _started: float, _seconds: float, _error: PrismError | None) -> None:
        """A call has ended."""
        self.seen.append((call.operation.name.rpartition("/")[2], call.principal.name, code.name))
        if len(self.seen) == 2:
            self.second.set()


@pytest.fixture
async def guarded() -> AsyncIterator[Site]:
    """A port where ann reads."""
    async with sites.site(
        policy=PolicySection.model_validate({"limits": {"requests": {"rate": 0.001, "burst": 3}}})
    ) as made:
        made.configure(
            keys(api_key("ann"), api_key("bob")),
            [
                {"principals": ["ann"], "namespaces": ["default"], "operations": ["read"]},
                {"principals": ["bob"], "namespaces": ["default"], "operations": ["read", "write"]},
            ],
        )
        yield made


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [("", 401, "unauthenticated"), ("nobody", 401, "unauthenticated"), ("ann", 403, "permission_denied")],
)
async def test_who_may_not_is_not_asked_for_the_body(guarded: Site, token: str, status: int, code: str) -> None:
    """The answer comes in place of `100 Continue`, and closes."""
    async with guarded.connection() as (reader, writer):
        given = f"authorization: Bearer {secret(token)}\r\n" if token else ""
        head = f"PUT {OBJECTS}/k HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n{given}\r\n"
        writer.write(head.encode())
        answer = await reply(reader)
        assert (answer.status, answer.json["code"], answer.interim) == (status, code, [])
        assert answer.headers["connection"] == "close"
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
        assert await reader.read() == b""


async def test_limits_hold(guarded: Site) -> None:
    """429 with the time to wait, and calls are known by their callers."""
    ledger = Ledger()
    guarded.gateway.observe([ledger])
    bearer = f"Bearer {secret('bob')}"
    found = [await guarded.ask("GET", f"{OBJECTS}/k", authorization=bearer) for _ in range(3)]
    assert [each.status for each in found] == [404] * 3
    over = await guarded.ask("PUT", f"{OBJECTS}/k", b"x", authorization=bearer)
    assert over.status == 429
    assert int(over.headers["retry-after"]) > 0
    assert ledger.seen == [("Get", "bob", "OK")] * 3 + [("Put", "bob", "RESOURCE_EXHAUSTED")]


async def test_two_credentials_are_refused(guarded: Site) -> None:
    """As everywhere."""
    async with guarded.connection() as (reader, writer):
        lines = f"authorization: Bearer {secret('ann')}\r\nauthorization: Bearer {secret('bob')}\r\n"
        writer.write(f"GET {OBJECTS}/k HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode())
        assert (await reply(reader)).status == 400


async def test_a_reader_who_leaves_ends_the_call(site: Site) -> None:
    """Nothing is under way for one who has gone, in the midst of an answer."""
    ledger = Ledger()
    site.gateway.observe([ledger])
    await site.put("k", bytes(20 << 20))
    async with site.connection() as (reader, writer):
        writer.write(f"GET {OBJECTS}/k HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        await reader.readexactly(100_000)
        assert site.port.objects._http.transfers.in_flight["sent"] == 1
        writer.transport.abort()
    async with asyncio.timeout(20):
        await ledger.second.wait()
    assert ledger.seen[-1] == ("Get", "", "CANCELLED")
    assert site.port.objects._http.transfers.in_flight["sent"] == 0


async def test_calls_that_succeed_are_counted_so(site: Site) -> None:
    """Whatever they say: an object, a part of it, nothing new, nothing at all."""
    ledger = Ledger()
    site.gateway.observe([ledger])
    etag = (await site.put("k")).headers["etag"]
    await site.ask("GET", f"{OBJECTS}/k")
    await site.ask("GET", f"{OBJECTS}/k", range="bytes=1-")
    await site.ask("GET", f"{OBJECTS}/k", if_none_match=etag)
    await site.ask("GET", f"{OBJECTS}/none")
    assert ledger.seen == [("Put", "", "OK"), *[("Get", "", "OK")] * 4]
