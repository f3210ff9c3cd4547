"""A data port with objects, for commands."""

from collections.abc import AsyncIterator

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import Site
from prism.client import Client, ObjectStore


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A data port with objects in memory."""
    async with sites.site() as made:
        yield made


@pytest.fixture
async def objects(site: Site) -> AsyncIterator[ObjectStore]:
    """A client, to look behind the commands."""
    async with Client(site.address) as prism:
        yield prism.objects()
