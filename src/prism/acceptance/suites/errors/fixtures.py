"""What the tests of errors ask for: an abstraction to misuse, and a store of their own to break."""

from prism.acceptance.suites.cache.fixtures import cache
from prism.acceptance.suites.keyvalue.fixtures import kv
from prism.acceptance.suites.outage.fixtures import frail, frail_entries, frail_topics
from prism.acceptance.suites.pubsub.fixtures import ps

__all__ = ["cache", "frail", "frail_entries", "frail_topics", "kv", "ps"]
