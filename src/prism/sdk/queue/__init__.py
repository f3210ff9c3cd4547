"""Queue for plugins: `StoredQueue` serves it from a `QueueStore`; `RowStore` makes one of rows."""

from prism.sdk.queue.engine import QueueEngine
from prism.sdk.queue.options import QueueOptions
from prism.sdk.queue.row_store import RowStore, Transactions
from prism.sdk.queue.store import QueueStore
from prism.sdk.queue.stored_queue import StoredQueue
from prism.sdk.wakeups import Wakeups

__all__ = ["QueueEngine", "QueueOptions", "QueueStore", "RowStore", "StoredQueue", "Transactions", "Wakeups"]
