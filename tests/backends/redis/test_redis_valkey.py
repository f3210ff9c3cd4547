"""The redis backend on Valkey, by the suites of its abstractions; PRISM_TEST_REDIS_BINARY has every test run on it."""

import pytest

pytest.importorskip("redis")

from prism.acceptance import PluginAcceptanceHarness
from prism.backends.redis.testing.backend import ValkeyTestBackend

valkey = PluginAcceptanceHarness(
    "redis",
    ValkeyTestBackend,
    config={"sweep_interval": 86400.0},
    suites=("cache", "keyvalue", "pubsub", "queue"),
    ways=("binding",),
)
