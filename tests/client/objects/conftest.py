"""A data port with objects, and a client of it that goes through a proxy which can be cut."""

from collections.abc import AsyncIterator

import pytest

from gateway.objects_http import site as sites
from gateway.objects_http.site import Site
from prism.acceptance.store.proxy import Proxy
from prism.client import Client, ObjectStore, RetryPolicy
from prism.wire.address import Address

QUICK = RetryPolicy(first_delay=0.01, longest_delay=0.05)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A data port with objects in memory."""
    async with sites.site() as made:
        yield made


@pytest.fixture
async def proxy(site: Site) -> AsyncIterator[Proxy]:
    """The way to it."""
    where = Address.parse(site.address)
    async with Proxy(where.host, where.port) as proxy:
        yield proxy


@pytest.fixture
async def objects(proxy: Proxy) -> AsyncIterator[ObjectStore]:
    """A client's objects, by that way."""
    async with Client(f"127.0.0.1:{proxy.port}", retry=QUICK) as prism:
        yield prism.objects()
