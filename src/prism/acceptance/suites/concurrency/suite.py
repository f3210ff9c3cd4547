"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite

SUITE = Suite(
    "concurrency",
    "Concurrency",
    about={"test_entries": "cache", "test_items": "keyvalue", "test_messages": "pubsub", "test_swaps": "keyvalue"},
)
