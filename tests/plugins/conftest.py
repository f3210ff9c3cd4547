"""Fixtures of the tests of plugins."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.sidecars import Make, make_sidecar
from prism.plugins.sidecar.sidecar import Sidecar


@pytest.fixture
async def sidecar() -> AsyncIterator[Make]:
    """Makes instances, and stops them."""
    made: list[Sidecar] = []

    def make(*arguments: Any) -> Sidecar:
        made.append(make_sidecar(*arguments))
        return made[-1]

    yield make
    for each in made:
        await each.stop()
