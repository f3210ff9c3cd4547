"""Everything a plugin author imports, and nothing else."""

from prism.context import Context
from prism.sdk.backend import Backend, Config, Health, HealthStatus, NoCredentials
from prism.sdk.binding import Binding
from prism.sdk.capabilities import Capabilities
from prism.sdk.coalescer import Bounds, Coalescer
from prism.sdk.cursor import Query
from prism.sdk.sweeper import Sweeper

__all__ = [
    "Backend",
    "Binding",
    "Bounds",
    "Capabilities",
    "Coalescer",
    "Config",
    "Context",
    "Health",
    "HealthStatus",
    "NoCredentials",
    "Query",
    "Sweeper",
]
