"""Everything a plugin author imports, and nothing else; the abstractions themselves are in `prism.interfaces`."""

from typing import TYPE_CHECKING, Any

from prism import errors
from prism.context import Context
from prism.sdk.backend import Backend, Config, Health, HealthStatus, NoCredentials
from prism.sdk.binding import Binding
from prism.sdk.capabilities import DeclaredCapabilities
from prism.sdk.coalescer import Bounds, Coalescer
from prism.sdk.cursor import Query
from prism.sdk.extension import operation
from prism.sdk.message_ids import MessageIds
from prism.sdk.subscriber_buffer import SubscriberBuffer
from prism.sdk.subscription_index import SubscriptionIndex
from prism.sdk.sweeper import Sweeper
from prism.telemetry.metrics.labelled import labelled
from prism.wire.grpc.deadline import Deadline
from prism.wire.timer import DeadlineWheel, Expiring

if TYPE_CHECKING:
    from prism.host import serve
else:

    def __getattr__(name: str) -> Any:
        """`serve` is imported when it is asked for: a gateway needs none of what it brings."""
        if name != "serve":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from prism.host import serve

        return serve


__all__ = [
    "Backend",
    "Binding",
    "Bounds",
    "Coalescer",
    "Config",
    "Context",
    "Deadline",
    "DeadlineWheel",
    "DeclaredCapabilities",
    "Expiring",
    "Health",
    "HealthStatus",
    "MessageIds",
    "NoCredentials",
    "Query",
    "SubscriberBuffer",
    "SubscriptionIndex",
    "Sweeper",
    "errors",
    "labelled",
    "operation",
    "serve",
]
