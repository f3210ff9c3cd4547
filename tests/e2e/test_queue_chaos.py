"""A queue under kills and consumers that misbehave; what is asserted is what its ledger says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.queue_chaos import Nats, Postgres, Redis, Sqlite, run
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory

KILLS = 30
MESSAGES = 200_000
FEW = 2_000


async def test_nothing_is_lost_and_nothing_acknowledged_comes_again(
    tmp_path: Path, often: Callable[[int], int], whole: bool
) -> None:
    """CONTRACT, Queue 2, 3, 4 and 18: through kills of gateway, plugin and store; with counts that add up."""
    report = await run(Sqlite(tmp_path), tmp_path, MESSAGES if whole else FEW, often(KILLS))
    report.check()


async def test_nothing_is_lost_on_postgresql(tmp_path: Path, often: Callable[[int], int], whole: bool) -> None:
    """CONTRACT, Queue 2, 3, 4 and 18: the same, with every process of the server killed at once."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as error:
        missing(str(error))
    with server:
        report = await run(Postgres(server), tmp_path, MESSAGES if whole else FEW // 10, often(KILLS) if whole else 3)
    report.check()


async def test_nothing_is_lost_on_redis(tmp_path: Path, often: Callable[[int], int], whole: bool) -> None:
    """CONTRACT, Queue 2, 3, 4 and 18: the same on a server that syncs each write before it answers."""
    pytest.importorskip("redis")
    from prism.backends.redis.testing.server import RedisServer

    try:
        server = RedisServer()
    except StoreMissing as error:
        missing(str(error))
    with server:
        report = await run(Redis(server), tmp_path, MESSAGES if whole else FEW // 10, often(KILLS) if whole else 3)
    report.check()


async def test_nothing_is_lost_on_a_cluster_of_nats(tmp_path: Path, often: Callable[[int], int], whole: bool) -> None:
    """CONTRACT, Queue 2, 3, 4: the same on three servers, each killed and frozen in turn, and leaders that move."""
    pytest.importorskip("nats")
    from prism.backends.nats.testing import NatsCluster

    try:
        cluster = NatsCluster(jetstream=True)
    except StoreMissing as error:
        missing(str(error))
    with cluster:
        stage = Nats(cluster, pause=20.0 if whole else 2.0)
        report = await run(stage, tmp_path, MESSAGES // 2 if whole else FEW // 10, often(KILLS) if whole else 3)
    report.check()
