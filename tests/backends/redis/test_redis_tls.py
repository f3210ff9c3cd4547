"""Redis behind TLS: one server, and a cluster whose nodes tell addresses; who is on the other side is made sure of."""

from pathlib import Path

import pytest

from missing import missing

pytest.importorskip("redis")

from authority import Authority, Issued
from backends.redis.conftest import Make, Open
from backends.redis.store import Store
from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.backends.redis.testing.cluster import RedisCluster
from prism.backends.redis.testing.server import RedisServer
from prism.errors import BackendUnavailable, FailedPrecondition

NAME = "redis.example.org"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom everybody trusts here."""
    return Authority(tmp_path_factory.mktemp("redis-tls") / "ca")


@pytest.fixture(scope="session")
def gateway(authority: Authority) -> Issued:
    """The gateway's own certificate."""
    return authority.issue("gateway")


@pytest.fixture
def encrypted(make_server: Make, authority: Authority) -> RedisServer:
    """A server that wants TLS with a certificate of its clients."""
    return make_server(**server_options(authority))


def server_options(authority: Authority, **more: str) -> dict[str, str | HeldPort]:
    """Of redis.conf: TLS beside the port that tests themselves use."""
    issued = authority.issue("redis", dns=NAME)
    files = {"tls_cert_file": issued.cert, "tls_key_file": issued.key, "tls_ca_cert_file": authority.ca}
    return {"tls_port": HeldPort(), **{name: str(path) for name, path in files.items()}, **more}


def trusting(server: RedisServer, authority: Authority, gateway: Issued) -> dict[str, object]:
    """A configuration that reaches it."""
    return {
        "addresses": [f"127.0.0.1:{server.option('tls-port')}"],
        "tls": True,
        "ca": authority.ca,
        "certificate": gateway.cert,
        "key": gateway.key,
        "tls_server_name": NAME,
    }


async def serves(store: Store) -> None:
    """Items and messages go through."""
    await store.put("r", b"k", b"v")
    assert await store.get("r", b"k") == b"v"
    async with store.listening() as listening:
        await store.publish("t")
        assert (await listening.next()).topic == "t"


async def test_everything_goes_over_tls(
    encrypted: RedisServer, authority: Authority, gateway: Issued, open_store: Open
) -> None:
    """With the right authority, certificate and name all is served, and no connection is plain."""
    await serves(await open_store(encrypted, **trusting(encrypted, authority, gateway)))
    clients = encrypted.command("CLIENT", "LIST").decode().splitlines()
    ours = [line for line in clients if " name=prism " in line]
    assert len(ours) >= 2
    assert all(f"laddr=127.0.0.1:{encrypted.option('tls-port')}" in line for line in ours)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"ca": None}, "certificate verify failed"),
        ({"tls_server_name": None}, "certificate verify failed"),
        ({"tls_server_name": "other.example.org"}, "Hostname mismatch"),
    ],
)
async def test_who_is_not_trusted_is_not_spoken_to(
    encrypted: RedisServer,
    authority: Authority,
    gateway: Issued,
    open_store: Open,
    wrong: dict[str, object],
    says: str,
) -> None:
    """Another authority, another name: refused at start, and what to correct is named."""
    config = trusting(encrypted, authority, gateway) | wrong
    store = await open_store(encrypted, start=False, **config)
    with pytest.raises(BackendUnavailable, match="TLS with Redis failed: correct tls, ca, certificate") as caught:
        await store.backend.start()
    assert says in caught.value.message


async def test_only_the_configured_authority_counts(
    encrypted: RedisServer,
    authority: Authority,
    gateway: Issued,
    open_store: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that the system's authorities vouch for is not the one whose authority is configured."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    config = trusting(encrypted, authority, gateway)
    await (await open_store(encrypted, **config | {"ca": None})).backend.start()
    other = Authority(tmp_path / "other", "another authority")
    store = await open_store(encrypted, start=False, **config | {"ca": other.ca})
    with pytest.raises(BackendUnavailable, match="certificate verify failed"):
        await store.backend.start()


async def test_who_shows_no_certificate_is_not_served(
    encrypted: RedisServer, authority: Authority, gateway: Issued, open_store: Open
) -> None:
    """Redis wants one: it cuts the connection before anything is said."""
    config = trusting(encrypted, authority, gateway) | {"certificate": None, "key": None}
    store = await open_store(encrypted, start=False, **config)
    with pytest.raises(BackendUnavailable):
        await store.backend.start()


async def test_no_password_goes_over_a_plain_connection(
    server: RedisServer, authority: Authority, open_store: Open
) -> None:
    """TLS to a port that speaks none: no answer, and the server has heard no login."""
    store = await open_store(server, start=False, tls=True, ca=authority.ca, connect_timeout=0.2)
    with pytest.raises(BackendUnavailable):
        await store.backend.start()
    assert "cmdstat_auth" not in server.command("INFO", "commandstats")
    await (await open_store(server)).backend.start()
    assert "cmdstat_auth" in server.command("INFO", "commandstats")


async def test_a_missing_file_is_named(server: RedisServer, open_store: Open, tmp_path: Path) -> None:
    """Before anything is dialled: the configuration is at fault."""
    with pytest.raises(FailedPrecondition, match=r"ca: the file .* does not exist"):
        await open_store(server, start=False, tls=True, ca=tmp_path / "none.pem")


async def test_a_cluster_over_tls(authority: Authority, gateway: Issued, open_store: Open) -> None:
    """Its nodes tell addresses, which no certificate names: the server's name is what counts, at each of them."""
    options = {name.replace("_", "-"): value for name, value in server_options(authority).items()}
    try:
        cluster = RedisCluster(options=options | {"tls-port": "", "tls-cluster": "yes"})
    except StoreMissing as absent:
        missing(str(absent))
    try:
        cluster.start()
        first = cluster.nodes[0]
        store = await open_store(first, mode="cluster", **trusting(first, authority, gateway))
        for number in range(20):
            await store.put(f"r{number}", b"k", b"v")
        await serves(store)
        await store.backend.stop()
    except StoreMissing as absent:
        missing(str(absent))
    finally:
        cluster.stop()
    with pytest.raises(BackendUnavailable):
        await store.put("r", b"k", b"v")
