"""Runs every test of this folder against every store through every way in; `-k sqlite-grpc` picks one pair."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from .caller import Caller
from .gateway_fleet import Fleet, fleet
from .keyvalue import KeyValue
from .namespaces import Namespaces
from .store import NAMES, Store
from .way_binding import open_binding
from .way_client import open_client
from .way_grpc import open_grpc
from .way_http import open_http

WAYS: dict[str, Any] = {"binding": open_binding, "grpc": open_grpc, "http": open_http, "client": open_client}

UNSWEPT = {"sweep_interval": 86400.0}
"""Expired items stay in the store, so that no sweep hides a read that would show them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every pair of a store and a way; a session-scoped parameter, so that pytest runs each pair's tests in a row."""
    if "caller" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("ways")
        ways = [way for way in WAYS if marker is None or way in marker.args]
        pairs = [pytest.param((name, way), id=f"{name}-{way}") for name in NAMES for way in ways]
        metafunc.parametrize("caller", pairs, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for the whole suite: backends and connections live in it from test to test."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def namespaces() -> dict[tuple[str, bool], Namespaces]:
    """The namespaces of each place for data, as far as they have been handed out."""
    return {}


@pytest.fixture(scope="session")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Gateways of every store, started when first asked for."""
    with fleet(lambda: tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="session")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Store]:
    """A place for data by the store's name and a purpose: one for the binding, one for the gateways."""

    @functools.cache
    def place(name: str, purpose: str) -> Store:
        if name == "sqlite":
            return Store(name, {"path": str(tmp_path_factory.mktemp(purpose) / "contract.db"), **UNSWEPT})
        if name == "postgres":
            server = request.getfixturevalue("postgres_server")
            return Store(name, {"connection_string": server.create_database(), **UNSWEPT}, doors=2)
        return Store(name, {"store": purpose, **UNSWEPT})

    return place


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def caller(
    request: pytest.FixtureRequest, stores: Callable[[str, str], Store], gateways: Fleet
) -> AsyncIterator[Caller]:
    """One way into one store."""
    name, way = request.param
    if way == "binding":
        async with open_binding(stores(name, "binding")) as opened:
            yield opened
    else:
        store = stores(name, "gateways")
        async with WAYS[way](store, gateways.of(store)) as opened:
            yield opened


@pytest.fixture
def kv(caller: Caller, namespaces: dict[tuple[str, bool], Namespaces]) -> KeyValue:
    """KeyValue in a namespace of the test's own."""
    place = (caller.store, caller.name == "binding")
    return KeyValue(caller, namespaces.setdefault(place, Namespaces()))
