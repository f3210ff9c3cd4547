"""Tails while the gateway is reloaded and killed and followers connect anew; the program's ledger says what came."""

from pathlib import Path

from e2e.series_chaos import run
from gateways import namespace
from missing import missing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory

RATE, DISTURBANCES, PAUSE = 20_000, 50, 2.0
SLOW, FEW, BRIEF = 2_000, 3, 0.3


async def test_each_event_once_on_sqlite(tmp_path: Path, whole: bool) -> None:
    """CONTRACT, TimeSeries 11: each event once to each follower, through reloads, kills and reconnects."""
    entry = namespace("ticks", "sqlite", "timeseries", path=str(tmp_path / "ticks.db"))
    report = await run(entry, tmp_path, *((RATE, DISTURBANCES, PAUSE) if whole else (SLOW, FEW, BRIEF)))
    print(report)
    report.check()


async def test_each_event_once_on_postgresql(tmp_path: Path, whole: bool) -> None:
    """CONTRACT, TimeSeries 11: the same in partitions of a server."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as error:
        missing(str(error))
    with server:
        entry = namespace("ticks", "postgres", "timeseries", connection_string=server.url)
        report = await run(entry, tmp_path, *((RATE, DISTURBANCES, PAUSE) if whole else (SLOW, FEW, BRIEF)))
    print(report)
    report.check()
