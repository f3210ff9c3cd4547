"""Who the gateway is to NATS: by user, token, NKey or JWT, and over TLS."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from authority import Authority
from backends.nats.accounts import Accounts
from backends.nats.listening import Backends, Served
from prism.backends.nats.testing_server import Login, NatsServer
from prism.errors import BackendCredentials, BackendUnavailable, FailedPrecondition, MessagesLost

PATIENCE = 20.0


async def assert_serves(served: Served) -> None:
    """A message comes through."""
    async with served.subscribed() as messages:
        await served.publish("t")
        assert await messages.topics(1) == ["t"]


@asynccontextmanager
async def backends_on(server: NatsServer) -> AsyncIterator[Backends]:
    """Starts a server of the test's own, and makes backends on it."""
    server.start()
    try:
        async with asyncio.timeout(PATIENCE), Backends(server) as backends:
            yield backends
    finally:
        server.stop()


@pytest.mark.parametrize("login", ["none", "user", "token", "nkey"])
async def test_logging_in(login: Login) -> None:
    """With each kind of credentials; after they were changed, what was good is refused and said to be."""
    server = NatsServer(login)
    async with backends_on(server) as backends:
        served = await backends.start()
        await assert_serves(served)
        if login != "none":
            with pytest.raises(BackendCredentials, match="refuses the gateway's credentials"):
                await backends.start({})
            old = server.credentials()
            server.change_secret()
            with pytest.raises(BackendCredentials):
                await backends.start(old)
            await backends.start()
            await served.until(lambda health: "refuses" in health.message)


async def test_a_jwt_logs_in() -> None:
    """A `.creds` file's content is enough; expired, or of another account, it is refused and said to be."""
    accounts, others = Accounts(), Accounts()
    async with backends_on(NatsServer("none", accounts.settings, jetstream=False)) as backends:
        await assert_serves(await backends.start({"creds": accounts.creds()}))
        for wrong in (accounts.creds(lives=-60), others.creds()):
            with pytest.raises(BackendCredentials, match="refuses the gateway's credentials"):
                await backends.start({"creds": wrong})


async def test_a_jwt_that_expires_while_it_serves() -> None:
    """NATS ends the connection: subscribers hear of the gap, and health says whose fault it is."""
    accounts = Accounts()
    async with backends_on(NatsServer("none", accounts.settings, jetstream=False)) as backends:
        served = await backends.start({"creds": accounts.creds(lives=2)})
        async with served.subscribed() as messages:
            with pytest.raises(MessagesLost):
                await messages.next()
        await served.until(lambda health: "refuses the gateway's credentials" in health.message)


async def test_a_damaged_seed() -> None:
    """A seed that was mistyped is another's, and refused."""
    accounts = Accounts()
    async with backends_on(NatsServer("nkey")) as backends:
        nkey = backends.server.credentials()["nkey"]
        creds = accounts.creds()
        seed = creds.partition("NKEY SEED-----\n")[2][:58]
        damaged = creds.replace(seed, _swapped(seed))
        for wrong in ({"nkey": _swapped(nkey)}, {"creds": damaged}):
            with pytest.raises(BackendCredentials, match="refuses the gateway's credentials"):
                await backends.start(wrong)


def _swapped(seed: str) -> str:
    return seed[:20] + ("A" if seed[20] != "A" else "B") + seed[21:]


class Secured:
    """A server that speaks TLS only.

    Attributes:
        authority: whose certificates it has and believes.
    """

    def __init__(self, folder: Path, settings: str = "", **names: Any) -> None:
        self.authority = Authority(folder)
        own = self.authority.issue("nats", **{"ip": "127.0.0.1", **names})
        files = f'cert_file: "{own.cert}", key_file: "{own.key}", ca_file: "{self.authority.ca}"'
        self.server = NatsServer("token", f"tls {{ {files}, {settings} }}")

    @property
    def options(self) -> dict[str, Any]:
        """How it is reached, and by whom it is believed."""
        return {"servers": [self.server.url.replace("nats://", "tls://")], "ca": self.authority.ca}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One with a certificate for its address."""
    secured = Secured(tmp_path_factory.mktemp("authority"))
    secured.server.start()
    yield secured
    secured.server.stop()


@pytest.fixture
async def by_tls(secured: Secured) -> AsyncIterator[Backends]:
    """Makes backends on it."""
    async with asyncio.timeout(PATIENCE), Backends(secured.server) as backends:
        yield backends


async def test_tls_with_a_good_certificate(secured: Secured, by_tls: Backends) -> None:
    """Whose authority we know, for the host that we asked."""
    await assert_serves(await by_tls.start(**secured.options))


async def test_a_certificate_of_somebody_else_is_refused(secured: Secured, by_tls: Backends, tmp_path: Path) -> None:
    """Signed by another authority, or by none that this machine knows: nothing is said to that server."""
    for ca in (Authority(tmp_path, "another authority").ca, None):
        with pytest.raises(BackendUnavailable, match=r"TLS with NATS failed: correct ca.*verify failed"):
            await by_tls.start(**{**secured.options, "ca": ca})


async def test_a_certificate_for_another_host_is_refused(secured: Secured, by_tls: Backends) -> None:
    """Unless the configuration says whose it is."""
    elsewhere = {**secured.options, "servers": [f"tls://localhost:{secured.server.port}"]}
    with pytest.raises(BackendUnavailable, match=r"TLS with NATS failed.*localhost"):
        await by_tls.start(**elsewhere)
    await assert_serves(await by_tls.start(**elsewhere, tls_server_name="127.0.0.1"))


async def test_a_server_that_wants_tls_is_not_spoken_to_in_clear(secured: Secured, by_tls: Backends) -> None:
    """With `nats://` too a server that asks for TLS gets it, and must have a certificate that this machine believes."""
    with pytest.raises(BackendUnavailable, match="TLS with NATS failed"):
        await by_tls.start(servers=[secured.server.url])


async def test_a_certificate_of_our_own(tmp_path: Path) -> None:
    """A server that asks for one lets in only who has one."""
    secured = Secured(tmp_path, "verify: true")
    own, stranger = secured.authority.issue("prism"), Authority(tmp_path / "other").issue("prism")
    async with backends_on(secured.server) as backends:
        await assert_serves(await backends.start(**secured.options, certificate=own.cert, key=own.key))
        for wrong in ({}, {"certificate": stranger.cert, "key": stranger.key}):
            with pytest.raises(BackendUnavailable):
                await backends.start(**secured.options, **wrong)


async def test_a_server_that_begins_with_tls(tmp_path: Path) -> None:
    """With `handshake_first` there, `tls_first` here."""
    secured = Secured(tmp_path, "handshake_first: true")
    async with backends_on(secured.server) as backends:
        await assert_serves(await backends.start(**secured.options, tls_first=True))


async def test_a_file_that_is_not_there(secured: Secured, by_tls: Backends, tmp_path: Path) -> None:
    """It is named, for the operator to correct."""
    with pytest.raises(FailedPrecondition, match=r"ca: the file .* does not exist"):
        await by_tls.start(**{**secured.options, "ca": tmp_path / "none.pem"})
