"""What the tests of honesty ask for: a store of their own, behind gateways that they may ask for figures."""

from prism.acceptance.suites.outage.fixtures import frail, frail_entries, frail_topics

__all__ = ["frail", "frail_entries", "frail_topics"]
