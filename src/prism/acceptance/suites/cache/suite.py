"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite
from prism.acceptance.suites.cache.through_client import CacheThroughClient

SUITE = Suite("cache", "Cache", interface="cache", client=CacheThroughClient())
