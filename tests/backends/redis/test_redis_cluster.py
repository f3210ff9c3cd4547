"""The redis backend on a cluster of three primaries, by the whole suites of its abstractions."""

import pytest

pytest.importorskip("redis")

from prism.acceptance import PluginAcceptanceHarness
from prism.backends.redis.testing.cluster import RedisClusterTestBackend

cluster = PluginAcceptanceHarness(
    "redis",
    RedisClusterTestBackend,
    config={"sweep_interval": 86400.0},
    suites=("cache", "keyvalue", "pubsub", "queue"),
    ways=("binding",),
)
