"""`prism kv import` and `prism kv export`: there and back, lossless."""

import asyncio
import json
import os
import pty
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.command import Done, prism
from client.upstream import EVERYTHING, Upstream, serving
from prism.backends.sqlite.backend import SqliteBackend
from prism.backends.sqlite.config import SqliteConfig
from prism.client import Client, KeyValue, Value
from prism.sdk import Binding, NoCredentials

# The tests may run where interrupts are ignored, which children inherit.
INTERRUPTIBLE = "import signal; signal.signal(2, signal.default_int_handler); from prism.cli import main; main()"


WRONG_CLOCK = """
import datetime, time
seconds, nanoseconds, right, ahead = time.time, time.time_ns, datetime.datetime, {ahead}

class Wrong(right):
    @classmethod
    def now(cls, tz=None):
        return right.now(tz) + datetime.timedelta(seconds=ahead)

datetime.datetime = Wrong
time.time = lambda: seconds() + ahead
time.time_ns = lambda: nanoseconds() + ahead * 10**9
from prism.cli import main

main()
"""


async def wrong_clock(ahead: int, *arguments: str, endpoint: str) -> Done:
    """Runs `prism` where the clock is that many seconds ahead."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRONG_CLOCK.format(ahead=ahead),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PRISM_ENDPOINT": endpoint},
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def fill(kv: KeyValue) -> None:
    """Data of every kind."""
    await kv.put("plain", {b"b": b"2", b"a": "é\n\u2028😀".encode()})
    await kv.put("é", {b"\xff\x00": b"", b"k": b"\xfe"})
    await kv.put("noted", {b"k": Value(b"v", {"type": "text", "é": ""})})
    await kv.put('quotes"\\\t', {bytes([octet]): bytes([octet]) for octet in range(256)})
    await kv.put("many", {b"%04d" % number: b"x" * 100 for number in range(900)})


async def test_an_export_is_lossless(upstream: Upstream, kv: KeyValue, tmp_path: Path) -> None:
    """Exported, imported elsewhere and exported again: the same bytes, in byte order."""
    await fill(kv)
    first = await prism("kv", "export", "default", endpoint=upstream.address)
    assert (first.code, first.err) == (0, "")
    assert len(first.out.splitlines(keepends=True)) > 0
    file = tmp_path / "export.jsonl"
    file.write_bytes(first.out.encode())
    async with serving() as elsewhere:
        imported = await prism("kv", "import", "default", str(file), endpoint=elsewhere.address)
        assert imported.code == 0
        assert imported.err.startswith("imported 5 records with 1,161 items in ")
        second = await prism("kv", "export", "default", endpoint=elsewhere.address)
    assert second.out == first.out
    ids = [line[: line.index('", "items"')] for line in first.out.split("\n")[:-1]]
    assert ids == sorted(ids)


async def test_an_export_leaves_out_what_is_damaged(tmp_path: Path) -> None:
    """It is named on standard error; all else is written, and the exit code says that it is not all."""
    path = tmp_path / "data.db"
    backend = SqliteBackend(SqliteConfig(path=path), NoCredentials())
    await backend.start()
    upstream = Upstream(Binding(backend.interfaces, EVERYTHING))
    await upstream.listen()
    try:
        async with Client(upstream.address) as client:
            for record in ("r1", "r2", "r3"):
                await client.keyvalue().put(record, {b"a": b"1", b"b": Value(b"2", {"n": "v"}), b"c": b"3"})
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE item SET metadata = x'ffffff' WHERE id = CAST('r2' AS BLOB) AND key = x'62'")
        exported = await prism("kv", "export", "default", endpoint=upstream.address)
    finally:
        await upstream.close()
        await backend.stop()
    assert exported.code == 5
    assert [list(json.loads(line)["items"]) for line in exported.out.splitlines()][1] == ["a", "c"]
    assert [json.loads(line)["id"] for line in exported.out.splitlines()] == ["r1", "r2", "r3"]
    assert "record r2: the item with the key 'b' is damaged" in exported.err
    assert "exported 3 records; 1 damaged item left out" in exported.err


@pytest.mark.parametrize("ahead", [-1800, 1800], ids=["half an hour behind", "half an hour ahead"])
async def test_expiry_survives_whatever_the_clock_of_the_machine(
    upstream: Upstream, kv: KeyValue, tmp_path: Path, ahead: int
) -> None:
    """Exported and imported where the clock is wrong: the same times, to the microsecond; what is gone is counted."""
    now = datetime.now(UTC)
    later = {
        b"%d" % minutes: now + timedelta(minutes=minutes, microseconds=7) for minutes in (10, 20, 60, 60 * 24 * 999)
    }
    await kv.put("r", {key: Value(b"v", expires_at=time) for key, time in later.items()})
    exported = await wrong_clock(ahead, "kv", "export", "default", endpoint=upstream.address)
    await kv.delete_record("r")
    await kv.put("past", {b"k": b"old"})
    past = {"key": "k", "value": "v", "expires_at": (now - timedelta(minutes=1)).isoformat()}
    file = tmp_path / "export.jsonl"
    file.write_text(f"{exported.out}{json.dumps({'id': 'past', 'items': [past]})}\n")
    imported = await wrong_clock(ahead, "kv", "import", "default", str(file), endpoint=upstream.address)
    assert imported.code == 0
    assert imported.err.startswith("imported 1 record with 4 items in ")
    assert imported.err.endswith("; 1 expired item skipped\n")
    found = await kv.get_many("r", list(later))
    assert {key: item.expires_at for key, item in found.items()} == later
    assert await kv.get("past", b"k") is None


async def test_wrong_lines_do_not_stop_an_import(upstream: Upstream, kv: KeyValue) -> None:
    """They are named by number, and the exit code tells."""
    lines = b'{"id": "a", "items": {"k": "v"}}\nnonsense\n{"id": "b", "items": {"k": "v"}}\n'
    done = await prism("kv", "import", "default", "-", endpoint=upstream.address, stdin=lines)
    assert done.code == 5
    assert done.err.splitlines()[0].startswith("prism: line 2: not JSON")
    assert "1 invalid line skipped" in done.err.splitlines()[1]
    assert [record async for record in kv.list_records()] == ["a", "b"]


async def test_a_number_of_any_length_is_one_wrong_line(upstream: Upstream, kv: KeyValue) -> None:
    """What stands behind it is stored."""
    lines = b'{"id": "a", "items": {"k": %s}}\n{"id": "b", "items": {"k": "v"}}\n' % (b"9" * 5000)
    done = await prism("kv", "import", "default", "-", endpoint=upstream.address, stdin=lines)
    assert done.code == 5
    assert done.err.splitlines()[0].startswith("prism: line 1: items.k: give a string")
    assert len(done.err.splitlines()) == 2
    assert [record async for record in kv.list_records()] == ["b"]


async def test_no_gateway_stops_an_import() -> None:
    """At once, with what has been done."""
    done = await prism("kv", "import", "default", "-", stdin=b'{"id": "a", "items": {"k": "v"}}\n')
    assert done.code == 3
    assert "imported 0 records" in done.err
    assert "prism serve" in done.err


async def test_a_missing_file_is_a_usage_error() -> None:
    """Before anything else."""
    assert (await prism("kv", "import", "default", "/nonexistent")).code == 2


async def test_a_reader_that_goes_away_ends_an_export_quietly(upstream: Upstream, kv: KeyValue) -> None:
    """As `| head` does."""
    for number in range(50):
        await kv.put(f"r{number}", {b"k": b"x" * 100_000})
    process = await asyncio.create_subprocess_shell(
        f"{sys.executable} -m prism kv export default | head -c 10",
        env=os.environ | {"PRISM_ENDPOINT": upstream.address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert out == b'{"id": "r0'
    assert err == b""


async def test_an_interrupt_ends_an_import_that_waits_for_input(upstream: Upstream) -> None:
    """With what has been done, and the exit code of interrupts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", INTERRUPTIBLE, "kv", "import", "default", "-",
        env=os.environ | {"PRISM_ENDPOINT": upstream.address},
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"nonsense\n")
    assert b"line 1" in await process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 130
    assert (await process.stderr.read()).startswith(b"imported 0 records")
    process.stdin.close()


async def test_progress_is_shown_on_a_terminal(upstream: Upstream, tmp_path: Path) -> None:
    """A bar on standard error, where that is a terminal, and a clean line after it."""
    file = tmp_path / "records.jsonl"
    file.write_text("".join(f'{{"id": "r{number}", "items": {{"k": "v"}}}}\n' for number in range(20_000)))
    terminal, child = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prism", "kv", "import", "default", str(file),
        env=os.environ | {"PRISM_ENDPOINT": upstream.address},
        stderr=child,
    )  # fmt: skip
    os.close(child)
    shown = await asyncio.to_thread(_read_all, terminal)
    assert await process.wait() == 0
    assert "importing  [" in shown
    assert shown.rpartition("\x1b[K")[2].startswith("imported 20,000 records with 20,000 items")


def _read_all(terminal: int) -> str:
    parts = []
    with os.fdopen(terminal, "rb", buffering=0) as reader:
        try:
            while part := reader.read(65536):
                parts.append(part)
        except OSError:
            pass  # how Linux says that the other end of a terminal is gone
    return b"".join(parts).decode()
