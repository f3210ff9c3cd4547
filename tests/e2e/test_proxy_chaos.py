"""Through real proxies with short time-outs, while gateways and the proxy itself are killed."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("redis")

from e2e.proxy_chaos import chaos
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.server import RedisServer
from proxies import PROXIES


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """What two gateways share."""
    try:
        server = RedisServer()
    except StoreMissing as absent:
        missing(str(absent))
    with server:
        yield server


@pytest.mark.parametrize("proxy", PROXIES)
async def test_nothing_is_lost_behind_a_proxy(proxy: str, redis: RedisServer, tmp_path: Path) -> None:
    """What was acknowledged is there, each gap is reported, and each error is one to act on.

    A gateway is killed and then the proxy; ten minutes of it, with all that is seen: `python tests/e2e/proxy_chaos.py`.
    """
    async with asyncio.timeout(120):
        seen = await chaos(proxy, redis, tmp_path, seconds=4, pause=1.0)
    assert not seen.wrong, seen.report()
    assert seen.counts[f"kills of a {proxy}"] or seen.counts["kills of a gateway"], seen.report()
    for each in (
        "published and acknowledged",
        "put plain acknowledged",
        "put keyed acknowledged",
        "scans to their end",
    ):
        assert seen.counts[each], seen.report()
