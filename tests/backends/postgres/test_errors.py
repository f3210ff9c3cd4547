"""What the driver raises -> what callers are told."""

import asyncio
import ssl

import asyncpg
import pytest
from asyncpg.exceptions import CannotConnectNowError, DataCorruptedError, PostgresIOError, UndefinedFileError

from prism.backends.postgres.config import PostgresCredentials
from prism.backends.postgres.errors import translate
from prism.backends.postgres.testing import RunningServer
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    Conflict,
    DataLoss,
    FailedPrecondition,
    InternalError,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk import HealthStatus

from .store import OpenStore

NOT_APPLIED, UNKNOWN = Outcome.NOT_APPLIED, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("error", "kind", "outcome"),
    [
        (asyncpg.DiskFullError("no space left on device"), StoreFull, NOT_APPLIED),
        (asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT"), StoreFull, NOT_APPLIED),
        (asyncpg.SerializationError("could not serialize"), Conflict, NOT_APPLIED),
        (asyncpg.DeadlockDetectedError("deadlock detected"), Conflict, NOT_APPLIED),
        (asyncpg.LockNotAvailableError("lock timeout"), Conflict, NOT_APPLIED),
        (asyncpg.QueryCanceledError("statement timeout"), BackendUnavailable, NOT_APPLIED),
        (asyncpg.TooManyConnectionsError("too many clients"), BackendUnavailable, NOT_APPLIED),
        (asyncpg.OutOfMemoryError("out of memory"), BackendUnavailable, NOT_APPLIED),
        (DataCorruptedError("invalid page"), DataLoss, NOT_APPLIED),
        (UndefinedFileError("could not open file"), DataLoss, NOT_APPLIED),
        (PostgresIOError("could not read block"), BackendUnavailable, NOT_APPLIED),
        (CannotConnectNowError("starting up"), BackendUnavailable, NOT_APPLIED),
        (asyncpg.InvalidPasswordError("password"), BackendCredentials, NOT_APPLIED),
        (asyncpg.DivisionByZeroError("division by zero"), InternalError, NOT_APPLIED),
        (asyncpg.AdminShutdownError("terminating connection"), BackendUnavailable, UNKNOWN),
        (asyncpg.CrashShutdownError("terminating connection"), BackendUnavailable, UNKNOWN),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle"), BackendUnavailable, UNKNOWN),
        (asyncpg.StatementCompletionUnknownError("unknown"), InternalError, UNKNOWN),
        (ConnectionResetError("reset"), BackendUnavailable, UNKNOWN),
        (TimeoutError(), BackendUnavailable, UNKNOWN),
        (ssl.SSLError("bad record"), BackendUnavailable, UNKNOWN),
        (RuntimeError("a defect"), InternalError, UNKNOWN),
    ],
)
def test_a_write_is_told_what_happened(error: Exception, kind: type[PrismError], outcome: Outcome):
    """The server's own errors mean a rollback; a session that ended leaves it open; nothing sent is nothing applied."""
    translated = translate(error, writes=True, sent=True)
    assert (type(translated), translated.outcome) == (kind, outcome)
    assert translate(error, writes=True, sent=False).outcome is NOT_APPLIED
    assert translate(error, writes=False, sent=True).outcome is None


async def test_a_wrong_password_is_the_gateways_matter(postgres_url: str, open_store: OpenStore):
    """A refused login is BACKEND_CREDENTIALS, shows no secret, and succeeds once the credentials are right."""
    right = postgres_url.split(":")[2].split("@")[0]
    wrong = PostgresCredentials(username="postgres", password="hunter2")
    store = await open_store(postgres_url, start=False, credentials=wrong)
    with pytest.raises(BackendCredentials, match="correct username and password") as caught:
        await store.backend.start()
    assert "hunter2" not in caught.value.message
    assert right not in caught.value.message
    credentials = PostgresCredentials(username="postgres", password=right)
    without = postgres_url.replace(f":{right}@", "@")
    store = await open_store(without, credentials=credentials)
    await store.put("r", {b"k": b"v"})


async def test_a_missing_database_is_named(postgres_server: RunningServer, open_store: OpenStore):
    """The message says which database and what to do."""
    store = await open_store(postgres_server.url.rpartition("/")[0] + "/nowhere", start=False)
    with pytest.raises(FailedPrecondition, match=r'create it.*"nowhere"'):
        await store.backend.start()


async def test_no_connection_left_is_told(postgres_server: RunningServer, postgres_url: str, open_store: OpenStore):
    """A role over its limit is unavailable, with what to raise or lower."""
    role = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p' CONNECTION LIMIT 0")
    try:
        store = await open_store(
            postgres_url, start=False, credentials=PostgresCredentials(username=role, password="p")
        )
        with pytest.raises(BackendUnavailable, match="raise its max_connections or lower pool_size"):
            await store.backend.start()
    finally:
        postgres_server.execute(f"DROP ROLE {role}")


async def test_a_read_only_database_is_degraded(
    postgres_server: RunningServer, postgres_url: str, open_store: OpenStore
):
    """Writes are refused as such, reads go on, and it ends by itself when the database is writable again."""
    store = await open_store(postgres_url)
    await store.put("r", {b"k": b"v"})
    name = postgres_url.rpartition("/")[2]
    end_sessions = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1"
    postgres_server.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await asyncio.to_thread(postgres_server.execute, end_sessions, name)
    with pytest.raises(StoreFull, match="read-only") as caught:
        await store.put("r", {b"k": b"w"})
    assert caught.value.outcome is NOT_APPLIED
    assert await store.get("r", b"k") == {b"k": b"v"}
    assert (await store.backend.health()).status is HealthStatus.DEGRADED
    postgres_server.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    await asyncio.to_thread(postgres_server.execute, end_sessions, name)
    await store.put("r", {b"k": b"w"})
    assert (await store.backend.health()).status is HealthStatus.HEALTHY


async def test_a_server_without_tls(postgres_url: str, open_store: OpenStore):
    """It answers, and offers none: the error says so, and not that it does not answer."""
    store = await open_store(postgres_url, start=False, sslmode="require")
    with pytest.raises(BackendUnavailable, match=r"offers no TLS: turn its ssl on") as caught:
        await store.backend.start()
    assert "does not answer" not in caught.value.message


async def test_a_handshake_that_is_refused(open_store: OpenStore):
    """What a server says is given as that, as PgBouncer refuses a setting; what the driver finds out is not."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)
        fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: x\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://postgres:x@127.0.0.1:{port}/postgres?sslmode=disable"
        store = await open_store(url, start=False)
        with pytest.raises(BackendUnavailable, match=r"refuses the connection.*unsupported startup parameter: x"):
            await store.backend.start()
    found_out = translate(asyncpg.ConnectionDoesNotExistError("closed"), writes=False, sent=True)
    assert "does not answer" in found_out.message
