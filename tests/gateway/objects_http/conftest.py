"""What tests of objects over plain HTTP share."""

from collections.abc import AsyncIterator

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import Site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A data port with objects in memory, open to all."""
    async with sites.site() as made:
        yield made
