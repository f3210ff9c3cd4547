"""Fixtures of the tests of control."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from control.world import World
from plugins.toy_store.store import STORES


@pytest.fixture(autouse=True)
def fresh_stores() -> Iterator[None]:
    """Every test has toy stores of its own, and leaves none connected."""
    STORES.clear()
    yield
    assert {name: each.running for name, each in STORES.items() if each.running} == {}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway whose control is not started yet."""
    world = World(tmp_path)
    yield world
    await world.control.stop()
