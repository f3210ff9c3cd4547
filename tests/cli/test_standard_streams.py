"""Standard streams that a shell or a reader has closed."""

import asyncio
import os
import sys
from dataclasses import dataclass

import pytest

from client.upstream import Upstream
from prism.client import KeyValue


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command of a shell ended."""

    code: int
    out: bytes
    err: bytes


async def shell(line: str, upstream: Upstream) -> Ended:
    """Runs a line in bash, with `prism` as the command; its code is that of the first command in a pipe."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f'prism() {{ "{sys.executable}" -m prism "$@"; }}; {line}; exit "${{PIPESTATUS[0]}}"',
        env=os.environ | {"PRISM_ENDPOINT": upstream.address},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out, err)


@pytest.mark.parametrize(
    "command",
    ["prism kv export default", "prism kv scan default r -o json", "prism kv scan default r", "prism kv get default r"],
)
async def test_a_reader_that_goes_away_is_no_failure(upstream: Upstream, kv: KeyValue, command: str) -> None:
    """Neither 1, which means that something is missing, nor a word."""
    for number in range(20):
        await kv.put("r", {b"%d" % number: b"x" * 100_000})
    ended = await shell(f"{command} | head -c 3 > /dev/null", upstream)
    assert ended == Ended(0, b"", b"")


@pytest.mark.parametrize(
    ("line", "stream"),
    [
        ("prism kv export default >&-", "standard output"),
        ("prism kv get default r k --raw >&-", "standard output"),
        ("prism cache get default k --raw >&-", "standard output"),
        ("prism pubsub subscribe default t >&-", "standard output"),
        ("prism kv import default - <&-", "standard input"),
    ],
)
async def test_a_closed_stream_that_is_needed_is_named(
    upstream: Upstream, kv: KeyValue, line: str, stream: str
) -> None:
    """As a mistake of the command line, with what to do."""
    await kv.put("r", {b"k": b"v"})
    ended = await shell(line, upstream)
    assert ended.code == 2
    assert f"{stream} is closed" in ended.err.decode()
    assert b"Traceback" not in ended.err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
async def test_a_command_that_needs_none_of_them_runs(upstream: Upstream, kv: KeyValue, closed: str) -> None:
    """Nothing that it opens is taken for a standard stream."""
    ended = await shell(f"prism kv put default r k=v {closed}", upstream)
    assert (ended.code, ended.err) == (0, b"")
    assert await kv.get("r", b"k") is not None


async def test_errors_may_go_nowhere(upstream: Upstream) -> None:
    """Standard error is closed, and the exit code is right."""
    assert (await shell("prism kv get default r k 2>&-", upstream)).code == 1
    assert (await shell("echo nonsense | prism kv import default - 2>&-; exit ${PIPESTATUS[1]}", upstream)).code == 5
