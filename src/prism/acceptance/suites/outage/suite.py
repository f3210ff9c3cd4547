"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite

SUITE = Suite(
    "outage",
    "Outage",
    interface="keyvalue",
    about={"test_entries": "cache", "test_messages": "pubsub", "test_message_connections": "pubsub"},
)
