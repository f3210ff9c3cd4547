"""The server is killed, frozen and started again; it does not know the gateway; its graph has no transactions."""

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate

from authority import Authority
from backends.gremlin.conftest import Opened
from backends.gremlin.test_gremlin_server import fresh, graph_of, nodes
from missing import missing
from prism.backends.gremlin.graph import statements
from prism.backends.gremlin.testing import GremlinServer, ServerMissing
from prism.backends.gremlin.testing.server import STORE_PASSWORD
from prism.context import Context
from prism.errors import BackendCredentials, BackendUnavailable, DeadlineExceeded, FailedPrecondition, Outcome
from prism.interfaces import graph as g
from prism.sdk import Deadline, HealthStatus

WHOLE = "a server for each of these tests takes long to start: they are of `make acceptance` and of whole runs"


@pytest.fixture
def own(whole: bool) -> Iterator[GremlinServer]:
    """A server of the test's own."""
    if not whole:
        pytest.skip(WHOLE)
    try:
        server = GremlinServer()
    except ServerMissing as absent:
        missing(str(absent))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GremlinServer]:
    """A server with TLS and accounts, whose graph has no transactions."""
    if request.config.getoption("--matrix") != "whole":
        pytest.skip(WHOLE)
    folder = tmp_path_factory.mktemp("gremlin")
    authority = Authority(folder)
    issued = authority.issue("server", ip="127.0.0.1")
    try:
        server = GremlinServer(
            graph="TinkerGraph", accounts=True, certificate=_pkcs12(folder, issued.cert, issued.key), ca=authority.ca
        )
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


def _pkcs12(folder: Path, certificate: Path, key: Path) -> Path:
    found = load_pem_private_key(key.read_bytes(), None)
    stored = serialize_key_and_certificates(
        b"server",
        found,  # type: ignore[arg-type]
        load_pem_x509_certificate(certificate.read_bytes()),
        None,
        BestAvailableEncryption(STORE_PASSWORD.encode()),
    )
    file = folder / "server.p12"
    file.write_bytes(stored)
    return file


async def test_killed_and_started_again(own: GremlinServer, opened: Opened) -> None:
    """CONTRACT, outcomes: what fails while the server is away says what it did; both gateways serve when it is back."""
    await asyncio.to_thread(own.start)
    backends = [opened(own, connect_timeout=5.0) for _ in range(2)]
    for each in backends:
        await each.start()
    numbers = count()
    ended: list[Outcome | None] = []
    enough = asyncio.Event()

    async def write(gateway: int) -> None:
        while True:
            number = next(numbers)
            if number == 100:
                enough.set()
            try:
                await graph_of(backends[gateway]).create_nodes(nodes(f"n{number}"), fresh())
            except BackendUnavailable as error:
                ended.append(error.outcome)
                if error.outcome is Outcome.NOT_APPLIED:  # one that was sent nowhere: the server is down
                    return

    writers = [asyncio.create_task(write(each % 2)) for each in range(16)]
    await enough.wait()
    await asyncio.to_thread(own.process.kill)
    await asyncio.gather(*writers)
    assert Outcome.NOT_APPLIED in ended
    assert None not in ended
    assert (await backends[0].health()).status is HealthStatus.UNHEALTHY
    await asyncio.to_thread(own.start)
    for each in backends:
        later = fresh()
        assert (await each.health()).status is HealthStatus.HEALTHY
        assert (await graph_of(each).create_nodes(nodes("a"), later)).created == 1


async def test_frozen_and_let_go(own: GremlinServer, opened: Opened) -> None:
    """A call to a server that stands still ends with its deadline; connections that stay silent are given up."""
    await asyncio.to_thread(own.start)
    backend = opened(own, keepalive=10.0, connect_timeout=5.0)
    await backend.start()
    own.process.pause()
    with pytest.raises(DeadlineExceeded) as caught:
        await graph_of(backend).create_nodes(nodes("a"), Context("n", Deadline.after(0.3)))
    assert caught.value.outcome is Outcome.UNKNOWN
    with pytest.raises(BackendUnavailable) as lost:  # by the ping that is not answered
        await graph_of(backend).create_nodes(nodes("b"), Context("n", Deadline.after(60)))
    assert lost.value.outcome is Outcome.UNKNOWN
    with pytest.raises(BackendUnavailable) as refused:
        await graph_of(backend).create_nodes(nodes("c"), Context("n", Deadline.after(60)))
    assert refused.value.outcome is Outcome.NOT_APPLIED
    own.process.resume()
    here = fresh()
    assert (await graph_of(backend).create_nodes(nodes("a"), here)).created == 1
    assert [each.id for each in (await graph_of(backend).get_nodes(g.GetNodesRequest(ids=["a"]), here)).nodes] == ["a"]


async def test_wrong_credentials(guarded: GremlinServer, opened: Opened) -> None:
    """By TLS: the right password is let in, a wrong one and none are BACKEND_CREDENTIALS, and nothing was applied."""
    right = opened(guarded)
    right.link.start()
    assert await right.link.ask(statements.probe(), fresh(), writes=False) == [0]
    for account, options in (
        ({"username": "prism", "password": "wrong"}, {}),
        ({"username": "stranger", "password": "quoth the raven"}, {}),
        ({}, {"login": "none"}),
    ):
        backend = opened(guarded, account, **options)
        with pytest.raises(BackendCredentials):
            await backend.start()
        with pytest.raises(BackendCredentials) as caught:
            await graph_of(backend).create_nodes(nodes("a"), fresh())
        assert caught.value.outcome is Outcome.NOT_APPLIED
        health = await backend.health()
        assert (health.status, "credentials" in health.message) == (HealthStatus.UNHEALTHY, True)


async def test_a_certificate_that_is_not_known(guarded: GremlinServer, opened: Opened, tmp_path: Path) -> None:
    """A server whose certificate another authority has signed is not spoken to."""
    backend = opened(guarded, ca=str(Authority(tmp_path, "another").ca))
    with pytest.raises(BackendUnavailable, match="certificate"):
        await backend.start()


async def test_a_graph_without_transactions(guarded: GremlinServer, opened: Opened) -> None:
    """The backend does not start on a graph where a write could be left half done."""
    with pytest.raises(FailedPrecondition, match="TinkerTransactionGraph"):
        await opened(guarded).start()
