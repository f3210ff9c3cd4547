"""Queue for applications: publishing, consuming, workers, and what operators do."""

from prism.client.queue.config import GroupConfig, Start, TopicConfig
from prism.client.queue.consumption import Consumption
from prism.client.queue.management import GroupDescription, Peeked, TopicDescription
from prism.client.queue.message import Published, QueueMessage, QueueOutgoing
from prism.client.queue.queue import Queue, Settled
from prism.client.queue.worker import STOP_SIGNALS, Handler, Worker

__all__ = [
    "STOP_SIGNALS",
    "Consumption",
    "GroupConfig",
    "GroupDescription",
    "Handler",
    "Peeked",
    "Published",
    "Queue",
    "QueueMessage",
    "QueueOutgoing",
    "Settled",
    "Start",
    "TopicConfig",
    "TopicDescription",
    "Worker",
]
