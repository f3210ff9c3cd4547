"""`kill -9` under a queue's load: rules 2, 5, 7, 14, 16 and 18 as a ledger of the test's own sees them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gateways
from e2e.queue_kills import kill_again_and_again
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.server import RedisServer

KILLS = 20


async def test_a_gateway_on_sqlite_is_killed(tmp_path: Path, often: Callable[[int], int]) -> None:
    """Nothing is lost, nothing that is done comes again, attempts are exact, and all is in one place."""
    entry = gateways.namespace("", "sqlite", "queue", path="data.db")
    await kill_again_and_again(entry, tmp_path, often(KILLS))


async def test_a_gateway_on_postgres_is_killed(tmp_path: Path, postgres_url: str, often: Callable[[int], int]) -> None:
    """The same on PostgreSQL."""
    entry = gateways.namespace("", "postgres", "queue", connection_string=postgres_url)
    await kill_again_and_again(entry, tmp_path, often(KILLS))


async def test_a_gateway_on_redis_is_killed(tmp_path: Path, often: Callable[[int], int]) -> None:
    """The same on Redis, which goes on."""
    try:
        server = RedisServer()
        server.start()
    except StoreMissing as error:
        missing(str(error))
    try:
        entry = gateways.namespace("", "redis", "queue", addresses=[server.address])
        entry["credentials"] = dict(server.credentials())
        await kill_again_and_again(entry, tmp_path, often(KILLS))
    finally:
        server.stop()


@pytest.mark.parametrize(("mutant", "rule"), [("dead", "rule 7"), ("settles", "rule 2"), ("commit", "rule 16")])
async def test_what_is_lost_in_a_kill_is_noticed(tmp_path: Path, mutant: str, rule: str) -> None:
    """A dead letter lost between two places, what is confirmed and not stored, half a commit: each by its rule."""
    command = [
        "env",
        f"PYTHONPATH={Path(__file__).parents[1]}",
        sys.executable,
        "-m",
        "acceptance.mutants.killed_queue",
    ]
    entry = gateways.namespace("", "sqlite", "queue", path=str(tmp_path / "data.db"))
    entry["plugin"] = {"type": "sidecar", "command": [*command, "sqlite", mutant]}
    with pytest.raises(AssertionError, match=rule):
        await kill_again_and_again(entry, tmp_path, 2)
