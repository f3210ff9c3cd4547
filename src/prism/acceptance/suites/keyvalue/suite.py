"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite
from prism.acceptance.suites.keyvalue.through_client import KeyValueThroughClient

SUITE = Suite("keyvalue", "KeyValue", interface="keyvalue", client=KeyValueThroughClient())
