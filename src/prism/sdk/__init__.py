"""Everything a plugin author imports, and nothing else; the abstractions themselves are in `prism.interfaces`."""

from prism import errors
from prism.context import Context
from prism.sdk.backend import Backend, Config, Health, HealthStatus, NoCredentials
from prism.sdk.binding import Binding
from prism.sdk.capabilities import Capabilities
from prism.sdk.coalescer import Bounds, Coalescer
from prism.sdk.cursor import Query
from prism.sdk.sweeper import Sweeper
from prism.wire.deadline import Deadline

__all__ = [
    "Backend",
    "Binding",
    "Bounds",
    "Capabilities",
    "Coalescer",
    "Config",
    "Context",
    "Deadline",
    "Health",
    "HealthStatus",
    "NoCredentials",
    "Query",
    "Sweeper",
    "errors",
]
