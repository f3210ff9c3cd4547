"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite

SUITE = Suite(
    "errors",
    "Errors",
    interface="keyvalue",
    about={
        "test_entries": "cache",
        "test_entry_store": "cache",
        "test_messages": "pubsub",
        "test_message_store": "pubsub",
    },
)
