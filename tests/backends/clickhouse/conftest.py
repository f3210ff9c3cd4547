"""ClickHouse for the tests of this folder."""

from collections.abc import Iterator

import pytest

from missing import missing
from prism.acceptance.store.backend import StoreMissing

pytest.importorskip("aiohttp")

from prism.backends.clickhouse.testing import Engine  # needs the driver


@pytest.fixture(scope="package")
def shared_engine() -> Iterator[Engine]:
    """An engine for all tests of this folder; not to be broken."""
    try:
        engine = Engine()
    except StoreMissing as absent:
        missing(str(absent))
    engine.start()
    yield engine
    engine.stop()
