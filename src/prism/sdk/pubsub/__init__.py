"""PubSub that persists, for plugins: `LoggedPubSub` serves PubSub from a `MessageLog`, `LogReader` what persists."""

from prism.sdk.pubsub.log import Bounds, Logged, MessageLog, Page
from prism.sdk.pubsub.log_reader import LogReader
from prism.sdk.pubsub.logged_pubsub import LoggedPubSub
from prism.sdk.pubsub.options import PubSubOptions

__all__ = ["Bounds", "LogReader", "Logged", "LoggedPubSub", "MessageLog", "Page", "PubSubOptions"]
