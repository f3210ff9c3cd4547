"""Rows and messages under kills; what is asserted is what the program's ledger says."""

from pathlib import Path

from e2e.transact_chaos import run
from e2e.transact_stages import Postgres, Sqlite
from missing import missing
from prism.backends.postgres.testing import PostgresServer, ServerMissing, memory

WRITES, KILLS, STORE_KILLS = 50_000, 100, 20
FEW = 200


async def test_rows_and_messages_on_sqlite(tmp_path: Path, whole: bool) -> None:
    """CONTRACT, Transact 1 and 5: through kills of gateway and plugin a row and its message are there both or neither,
    and each message is relayed once, in order."""
    size = (WRITES // 10, 10, 2) if whole else (FEW, 1, 1)
    report = await run(Sqlite(tmp_path), tmp_path, *size)
    report.check()


async def test_rows_and_messages_on_postgresql(tmp_path: Path, whole: bool) -> None:
    """CONTRACT, Transact 1 and 5: the same, with every process of the server killed at once too."""
    try:
        server = PostgresServer(within=memory())
    except ServerMissing as error:
        missing(str(error))
    with server:
        size = (WRITES, KILLS, STORE_KILLS) if whole else (FEW, 1, 1)
        report = await run(Postgres(server), tmp_path, *size)
    report.check()
