"""`prism kv get`, `put`, `delete`, `cas` and `expire` against a real server."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.command import Done, prism
from client.upstream import Upstream
from prism.client import KeyValue, Value


class Kv:
    """`prism kv` on one server."""

    def __init__(self, upstream: Upstream) -> None:
        self._endpoint = upstream.address

    async def __call__(self, command: str, *arguments: str, stdin: bytes = b"") -> Done:
        return await prism("kv", command, "default", *arguments, endpoint=self._endpoint, stdin=stdin)

    async def json(self, command: str, *arguments: str) -> Any:
        """What a command that succeeds prints as JSON."""
        done = await self(command, *arguments, "--output", "json")
        assert done.code == 0, done.err
        return json.loads(done.out)


@pytest.fixture
def run(upstream: Upstream) -> Kv:
    """The command."""
    return Kv(upstream)


async def test_what_is_put_is_got(run: Kv, kv: KeyValue) -> None:
    """Text, bytes, standard input, metadata and a time to live; versions are printed."""
    versions = await run.json("put", "r", "plan=team", "base64:/w=base64:AP8", "--metadata", "type=text", "--ttl", "1h")
    assert [row["key"] for row in versions] == ["plan", {"base64": "/w=="}]
    done = await run("put", "r", "note=-", stdin=b"two\nlines")
    assert done.code == 0
    rows = {str(row["key"]): row for row in await run.json("get", "r")}
    assert rows["plan"] | {"version": "", "expires_at": ""} == {
        "key": "plan",
        "value": "team",
        "metadata": {"type": "text"},
        "version": "",
        "expires_at": "",
    }
    assert rows["plan"]["version"] == versions[0]["version"]
    assert rows["plan"]["expires_at"].endswith("Z")
    assert rows["note"]["value"] == "two\nlines"
    item = await kv.get("r", b"\xff")
    assert item is not None
    assert item.value == b"\x00\xff"


async def test_get_says_what_is_missing(run: Kv, kv: KeyValue) -> None:
    """What was found is printed all the same; the exit code is 1."""
    await kv.put("r", {b"a": b"1"})
    done = await run("get", "r", "a", "b")
    assert (done.code, done.err) == (1, "prism: not found: b in r\n")
    assert done.out.splitlines()[1].split()[:2] == ["a", "1"]
    assert (await run("get", "nobody")).code == 1


async def test_raw_writes_the_value_alone(run: Kv, kv: KeyValue) -> None:
    """Byte for byte, without a line's end."""
    await kv.put("r", {b"a": b"1\t2"})
    done = await run("get", "r", "a", "--raw")
    assert (done.code, done.out) == (0, "1\t2")
    assert (await run("get", "r", "--raw")).code == 2


async def test_delete(run: Kv, kv: KeyValue) -> None:
    """Items by key, or the whole record: without keys, as `get` reads it, or when it is said."""
    await kv.put("r", {b"a": b"1", b"b": b"2", b"c": b"3"})
    assert await run.json("delete", "r", "a", "x") == {"deleted": 1}
    assert (await run("delete", "r", "b", "--record")).code == 2
    assert await kv.exists("r", b"b")
    assert await run.json("delete", "r") == {"deleted": 2}
    assert not await kv.exists("r", b"b")
    await kv.put("r", {b"a": b"1"})
    assert await run.json("delete", "r", "--record") == {"deleted": 1}


async def test_compare_and_swap(run: Kv, kv: KeyValue) -> None:
    """Absence, value and version; a loser exits with 1 and sees what is there."""
    first = await run.json("cas", "r", "k", "1", "--expect-absent")
    assert first["swapped"]
    second = await run.json("cas", "r", "k", "2", "--expect", "1", "--metadata", "a=b")
    lost = await run("cas", "r", "k", "3", "--expect-version", first["current"]["version"], "--output", "json")
    assert lost.code == 1
    assert json.loads(lost.out) == {"swapped": False, "current": second["current"]}
    assert (await run("cas", "r", "k", "--delete", "--expect-version", second["current"]["version"])).code == 0
    assert not await kv.exists("r", b"k")


@pytest.mark.parametrize(
    "wrong",
    [
        ("cas", "r", "k", "v"),
        ("cas", "r", "k", "--expect", "v"),
        ("cas", "r", "k", "v", "--delete", "--expect-absent"),
        ("expire", "r", "k"),
        ("expire", "r", "k", "--ttl", "5m", "--expires-at", "2199-01-01T00:00:00Z"),
        ("expire", "r", "k", "--never", "--expires-at", "2199-01-01T00:00:00Z"),
        ("put", "r", "k=v", "--ttl", "5m", "--expires-at", "2199-01-01T00:00:00Z"),
        ("put", "r", "k=v", "--expires-at", "2199-01-01"),
        ("put", "r", "k=v", "--expires-at", "tomorrow"),
        ("cas", "r", "k", "v", "--expect-absent", "--ttl", "5m", "--expires-at", "2199-01-01T00:00:00Z"),
        ("put", "r", "k=1", "k=2"),
        ("put", "r", "k=-", "l=-"),
        ("put", "r", "k=v", "--metadata", "x"),
    ],
)
async def test_contradictions_are_refused(run: Kv, wrong: tuple[str, ...]) -> None:
    """Before anything is sent."""
    assert (await run(*wrong)).code == 2


async def test_expire(run: Kv, kv: KeyValue) -> None:
    """A time to live is given and taken away; a missing key exits with 1."""
    await kv.put("r", {b"a": Value(b"1")})
    done = await run("expire", "r", "a", "b", "--ttl", "5m")
    assert done.code == 1
    assert done.out.splitlines() == ["KEY  FOUND", "a    true", "b    false"]
    item = await kv.get("r", b"a")
    assert item is not None
    assert item.expires_at is not None
    assert (await run("expire", "r", "a", "--expires-at", "2199-01-02T03:04:05.678901+01:00")).code == 0
    item = await kv.get("r", b"a")
    assert item is not None
    assert item.expires_at == datetime(2199, 1, 2, 2, 4, 5, 678901, tzinfo=UTC)
    assert await run.json("expire", "r", "a", "--never") == [{"key": "a", "found": True}]


async def test_a_time_to_expire_at(run: Kv, kv: KeyValue) -> None:
    """`put` and `cas` take one, and show it as it was given."""
    at = "2199-01-02T03:04:05.678901Z"
    assert (await run("put", "r", "a=1", "--expires-at", at)).code == 0
    swapped = await run.json("cas", "r", "a", "2", "--expect", "1", "--expires-at", at)
    assert (swapped["swapped"], swapped["current"]["expires_at"]) == (True, at)
    assert (await run("put", "r", "a=1", "--expires-at", "2020-01-01T00:00:00Z")).code == 0
    assert await kv.get("r", b"a") is None


async def test_scan_and_records(run: Kv, kv: KeyValue) -> None:
    """Ranges, direction and limit; nothing is a wildcard."""
    await kv.put("a%", {b"k%d" % number: b"v" for number in range(5)} | {b"x": b"v"})
    await kv.put("ab", {b"k": b"v"})
    rows = await run.json("scan", "a%", "--prefix", "k", "--end", "k4", "--reverse", "--limit", "2", "--keys-only")
    assert [row["key"] for row in rows] == ["k3", "k2"]
    assert "value" not in rows[0]
    assert await run.json("records", "--prefix", "a%") == [{"id": "a%"}]
    assert (await run("records")).out.split() == ["ID", "a%", "ab"]
