"""TLS with a real server: who is believed, who is not, and what an operator is told."""

import asyncio
import os
import pwd
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from authority import Authority, Issued
from missing import missing
from prism.backends.postgres.config import PostgresCredentials
from prism.backends.postgres.testing import PostgresServer
from prism.errors import BackendCredentials, BackendUnavailable

from .store import OpenStore


class Secured:
    """A server that speaks TLS, with a certificate for 127.0.0.1.

    Attributes:
        server: it; other certificates can be given to it.
        authority: whose certificates it has and believes.
        url: the connection string of a database on it.
    """

    def __init__(self, server: PostgresServer, authority: Authority) -> None:
        self.server = server
        self.authority = authority
        self.url = server.create_database()

    def execute(self, statement: str) -> list[Any]:
        """Runs a statement by the unix socket, whatever TLS is at."""
        return self.server.execute(statement, url=self.server.socket_url)

    def show(self, issued: Issued) -> None:
        """Lets the server have that certificate from now on."""
        folder = self.server.folder / "data"
        for source, name in ((issued.cert, "server.crt"), (issued.key, "server.key"), (self.authority.ca, "root.crt")):
            shutil.copy(source, folder / name)
            (folder / name).chmod(0o600)
            if os.geteuid() == 0:
                account = pwd.getpwnam("postgres")
                os.chown(folder / name, account.pw_uid, account.pw_gid)
        self.execute("ALTER SYSTEM SET ssl = on")
        self.execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
        self.execute("SELECT pg_reload_conf()")
        # The postmaster reads it after this signal, and sessions that begin later are under it.
        while self.execute("SHOW ssl")[0][0] != "on":
            pass


@pytest.fixture(scope="module")
def secured(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Secured:
    """The module's server with TLS on."""
    secured = Secured(own_postgres, Authority(tmp_path_factory.mktemp("authority")))
    try:
        secured.show(secured.authority.issue("postgres", ip="127.0.0.1"))
    except asyncpg.InvalidParameterValueError as unable:
        missing(f"PostgreSQL has no TLS here: {unable}")
    return secured


async def protocol(open_store: OpenStore, url: str, **options: Any) -> str | None:
    """What the gateway's session is encrypted with, None where it is not."""
    store = await open_store(url, **options)
    await store.put("r", {b"k": b"v"})
    (session,) = store.backend._sessions._open
    found: str | None = await session.connection.fetchval(
        "SELECT version FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()"
    )
    return found


def open_files() -> int:
    """How many this process has, sockets among them."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("sslmode", [None, "prefer", "require", "verify-ca", "verify-full"])
async def test_a_server_with_a_good_certificate(secured: Secured, open_store: OpenStore, sslmode: str | None):
    """Every mode that may or must be encrypted is, with TLS 1.2 or newer."""
    ca = {"ca": secured.authority.ca} if sslmode and sslmode.startswith("verify") else {}
    assert await protocol(open_store, secured.url, sslmode=sslmode, **ca) in {"TLSv1.2", "TLSv1.3"}


async def test_disable_is_plain(secured: Secured, open_store: OpenStore):
    """Only who says `disable` goes without."""
    assert await protocol(open_store, secured.url, sslmode="disable") is None


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full"])
async def test_a_certificate_of_somebody_else_is_refused(
    secured: Secured, open_store: OpenStore, tmp_path: Path, sslmode: str
):
    """A server whose certificate another authority signed is told nothing, and the message names what to correct."""
    other = Authority(tmp_path, "another authority")
    for ca in ({"ca": other.ca}, {}):
        store = await open_store(secured.url, start=False, sslmode=sslmode, **ca)
        with pytest.raises(BackendUnavailable, match=r"TLS with PostgreSQL failed: correct sslmode, ca.*verify failed"):
            await store.backend.start()


async def test_a_certificate_for_another_host_is_refused(secured: Secured, open_store: OpenStore):
    """`verify-full` believes only a certificate for the host that was asked; `verify-ca` takes any of the authority."""
    host = secured.url.replace("127.0.0.1", "localhost")
    store = await open_store(host, start=False, sslmode="verify-full", ca=secured.authority.ca)
    with pytest.raises(BackendUnavailable, match=r"TLS with PostgreSQL failed.*localhost"):
        await store.backend.start()
    assert await protocol(open_store, host, sslmode="verify-ca", ca=secured.authority.ca)


async def test_the_connection_string_may_say_it(secured: Secured, open_store: OpenStore, tmp_path: Path):
    """`sslmode` and `sslrootcert` in the URL verify as the options do."""
    url = f"{secured.url}?sslmode=verify-full&sslrootcert="
    assert await protocol(open_store, f"{url}{secured.authority.ca}")
    store = await open_store(f"{url}{Authority(tmp_path).ca}", start=False)
    with pytest.raises(BackendUnavailable, match="TLS with PostgreSQL failed"):
        await store.backend.start()


async def test_a_certificate_of_our_own_logs_in(secured: Secured, open_store: OpenStore):
    """A role that may come by certificate only: with ours it is let in without a password, without it is refused."""
    secured.execute("CREATE ROLE certified LOGIN SUPERUSER")
    rules = secured.server.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"hostssl all certified 127.0.0.1/32 cert\n{before}")
    secured.execute("SELECT pg_reload_conf()")
    while not secured.execute("SELECT FROM pg_hba_file_rules WHERE auth_method = 'cert'"):
        pass
    own, stranger = secured.authority.issue("certified"), secured.authority.issue("stranger")
    options = {"sslmode": "verify-full", "ca": secured.authority.ca}
    account = PostgresCredentials(username="certified")
    url = secured.url.replace(secured.url.split("//")[1].split("@")[0] + "@", "")
    shown = {"certificate": own.cert, "key": own.key}
    assert await protocol(open_store, url, credentials=account, **options, **shown)
    for wrong in ({}, {"certificate": stranger.cert, "key": stranger.key}):
        store = await open_store(url, start=False, credentials=account, **options, **wrong)
        before = open_files()
        with pytest.raises(BackendCredentials):
            await store.backend.start()
        # The driver takes its leave of a server that refused it in the background, and TLS takes its time for that.
        async with asyncio.timeout(20):
            while open_files() > before:  # noqa: ASYNC110  # the driver has no event to wait for
                await asyncio.sleep(0.01)


async def test_an_expired_certificate_is_refused(secured: Secured, open_store: OpenStore):
    """And a good one, put in its place, serves the same gateway."""
    secured.show(secured.authority.issue("postgres", ip="127.0.0.1", expired=True))
    store = await open_store(secured.url, start=False, sslmode="verify-full", ca=secured.authority.ca)
    with pytest.raises(BackendUnavailable, match=r"TLS with PostgreSQL failed.*expired"):
        await store.backend.start()
    secured.show(secured.authority.issue("postgres", ip="127.0.0.1"))
    await store.backend.start()
    await store.put("r", {b"k": b"v"})
