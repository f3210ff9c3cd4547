"""The suite as the harness finds it."""

from prism.acceptance.suite import Suite
from prism.acceptance.suites.pubsub.through_client import PubSubThroughClient

SUITE = Suite("pubsub", "PubSub", interface="pubsub", client=PubSubThroughClient())
