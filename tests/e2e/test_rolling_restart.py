"""Two gateways behind Envoy and HAProxy are restarted, one after the other, under load: nothing fails."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("redis")

from e2e.rolling_restart import chart, rolled
from missing import missing
from prism.acceptance.store.backend import StoreMissing
from prism.backends.redis.testing.server import RedisServer

RATE = 2000


@pytest.fixture
def redis(whole: bool) -> Iterator[RedisServer]:
    """What two gateways share."""
    if not whole:
        pytest.skip(
            "a rolling restart takes two minutes with the chart's times: of `make acceptance` and of whole runs"
        )
    try:
        server = RedisServer()
    except StoreMissing as absent:
        missing(str(absent))
    with server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("proxy", ["envoy", "haproxy"])
async def test_no_call_fails(proxy: str, redis: RedisServer, tmp_path: Path) -> None:
    """With the delay and the drain that the Helm chart has: calls, streams, a subscription and consumers.

    The client repeats nothing by itself. A machine that is busy makes fewer calls, and may fail none either.
    """
    seen = await rolled(proxy, redis, tmp_path, rate=RATE, times=chart())
    assert not seen.failed, seen.report()
    for each in ("get", "put", "streams read to their end", "jobs worked on", "events heard"):
        assert seen.counts[each], seen.report()
