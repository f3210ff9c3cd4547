"""`prism queue`: work that must be done, through a gateway."""

from prism.cli.queue.group import queue

__all__ = ["queue"]
