"""Neo4j for the tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from missing import missing
from prism.acceptance.store.backend import StoreMissing

pytest.importorskip("neo4j")

from prism.backends.opencypher.testing import Neo4jServer  # needs the driver


@pytest.fixture(scope="package")
def authority() -> trustme.CA:
    """Who signs the server's certificate."""
    return trustme.CA()


@pytest.fixture(scope="package")
def shared_server(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """A server for all tests of this folder, with TLS and without; not to be broken."""
    folder = tmp_path_factory.mktemp("certificates")
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(folder / "private.key"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "public.crt"))
    try:
        server = Neo4jServer(certificates=folder)
    except StoreMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file of the authority's certificate."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
