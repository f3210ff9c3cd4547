"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite

SUITE = Suite(
    "performance",
    "Performance baseline",
    interface="keyvalue",
    about={"test_entries": "cache", "test_messages": "pubsub"},
)
