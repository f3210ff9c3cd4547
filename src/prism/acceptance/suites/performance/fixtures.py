"""What the baseline asks for."""

from prism.acceptance.suites.cache.fixtures import cache
from prism.acceptance.suites.keyvalue.fixtures import kv
from prism.acceptance.suites.pubsub.fixtures import ps

__all__ = ["cache", "kv", "ps"]
