"""Runs every test of this folder against every store through every way in; `-k sqlite-grpc` picks one pair."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from . import store as stores
from .caller import Caller
from .keyvalue import KeyValue
from .namespaces import Namespaces
from .store import Store
from .way_binding import open_binding

WAYS = {"binding": open_binding}


def pytest_configure(config: pytest.Config) -> None:
    """Makes the one marker of this folder known."""
    config.addinivalue_line("markers", "ways(*names): the test is about these ways in, not about every one")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every pair of a store and a way; a session-scoped parameter, so that pytest runs each pair's tests in a row."""
    if "caller" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("ways")
        ways = [way for way in WAYS if marker is None or way in marker.args]
        pairs = [pytest.param((name, way), id=f"{name}-{way}") for name in stores.NAMES for way in ways]
        metafunc.parametrize("caller", pairs, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for the whole suite: backends and connections live in it from test to test."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def namespaces() -> dict[str, Namespaces]:
    """The namespaces of each store and way, as far as they have been handed out."""
    return {}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def caller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    """One way into one store."""
    name, way = request.param
    store = _store(name, way, request, tmp_path_factory)
    async with WAYS[way](store) as opened:
        yield opened


@pytest.fixture
def kv(caller: Caller, namespaces: dict[str, Namespaces]) -> KeyValue:
    """KeyValue in a namespace of the test's own."""
    return KeyValue(caller, namespaces.setdefault(f"{caller.store}-{caller.name}", Namespaces()))


def _store(name: str, way: str, request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Store:
    if name == "sqlite":
        return Store(name, {"path": str(folders.mktemp(way) / "contract.db")})
    if name == "postgres":
        return Store(name, {"connection_string": request.getfixturevalue("postgres_server").create_database()}, doors=2)
    return Store(name, {"store": way})
