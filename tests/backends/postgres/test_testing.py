"""The servers that other tests stand on."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from prism.backends.postgres.testing import PostgresServer, RunningServer, ServerMissing, binaries, find_server


def test_a_database_of_ones_own_is_empty_and_goes_with_a_reset(postgres_url: str, postgres_server: RunningServer):
    """Databases are apart from each other and are dropped by `reset` of the server that made them."""
    other = RunningServer(postgres_server.url)
    mine = other.create_database()
    other.execute("CREATE TABLE t (n int)", url=mine)
    assert postgres_server.execute("SELECT to_regclass('t')", url=postgres_url)[0][0] is None
    other.reset()
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        other.execute("SELECT 1", url=mine)


async def test_what_was_committed_is_there_after_a_kill(own_postgres: PostgresServer):
    """A server that was killed starts again on its data, while an event loop runs."""
    url = own_postgres.create_database()
    own_postgres.execute("CREATE TABLE t (n int)", url=url)
    own_postgres.execute("INSERT INTO t VALUES (7)", url=url)
    own_postgres.kill()
    with pytest.raises(ConnectionError):
        own_postgres.execute("SELECT 1")
    own_postgres.start()
    assert own_postgres.execute("SELECT n FROM t", url=url)[0][0] == 7


async def test_a_paused_server_does_not_answer_until_it_resumes(own_postgres: PostgresServer):
    """A pause freezes open connections too."""
    connection = await asyncpg.connect(own_postgres.url)
    own_postgres.pause()
    answer = asyncio.ensure_future(connection.fetchval("SELECT 7"))
    done, _ = await asyncio.wait([answer], timeout=0.1)
    assert not done
    own_postgres.resume()
    assert await answer == 7
    await connection.close()


def test_the_socket_needs_no_password(own_postgres: PostgresServer):
    """The local account is trusted on the unix socket."""
    assert own_postgres.execute("SELECT 7", url=own_postgres.socket_url)[0][0] == 7


def test_a_version_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    """The reason to skip says what to install."""
    monkeypatch.setenv("POSTGRES_VERSION", "8")
    with pytest.raises(ServerMissing, match="PostgreSQL 8 is not installed"):
        binaries()


def test_a_version_on_the_path_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Where Debian has none of that version, the programs on PATH are taken if they are of it."""
    program = tmp_path / "initdb"
    program.write_text("#!/bin/sh\necho 'initdb (PostgreSQL) 8.3.1 (Debian 8.3.1-1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("POSTGRES_VERSION", "8")
    assert binaries() == tmp_path
    monkeypatch.setenv("POSTGRES_VERSION", "9")
    with pytest.raises(ServerMissing, match="PostgreSQL 9 is not installed"):
        binaries()


def test_a_server_that_runs_is_attached(monkeypatch: pytest.MonkeyPatch, postgres_server: RunningServer):
    """The variable wins over a server of one's own."""
    monkeypatch.setenv("PRISM_TEST_POSTGRES_URL", postgres_server.url)
    found = find_server()
    assert type(found) is RunningServer
    assert found.execute("SELECT 7")[0][0] == 7
