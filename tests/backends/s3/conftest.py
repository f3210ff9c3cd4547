"""S3 servers for the tests of this folder."""

from collections.abc import Iterator

import pytest

from missing import missing

pytest.importorskip("aiobotocore")

from prism.backends.s3.testing import S3Server, ServerMissing, Versitygw  # needs the driver


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """A versitygw of a module's own, to be stopped, killed and paused."""
    try:
        server = Versitygw()
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    yield server
    server.stop()
