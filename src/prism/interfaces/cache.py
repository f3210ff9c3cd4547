"""Cache: flat keys for look-aside caching. What each operation means: prism/data/v1/cache.proto.

In this module the abstraction's messages go by their short names: `GetRequest` is `CacheGetRequest` on the wire.
"""

from typing import TYPE_CHECKING, Protocol

from prism._proto.data.v1 import cache_pb2 as pb
from prism._proto.data.v1.cache_pb2 import CacheDeleteRequest as DeleteRequest
from prism._proto.data.v1.cache_pb2 import CacheDeleteResponse as DeleteResponse
from prism._proto.data.v1.cache_pb2 import CacheEntry as Entry
from prism._proto.data.v1.cache_pb2 import CacheExistsRequest as ExistsRequest
from prism._proto.data.v1.cache_pb2 import CacheExistsResponse as ExistsResponse
from prism._proto.data.v1.cache_pb2 import CacheExpireRequest as ExpireRequest
from prism._proto.data.v1.cache_pb2 import CacheExpireResponse as ExpireResponse
from prism._proto.data.v1.cache_pb2 import CacheGetRequest as GetRequest
from prism._proto.data.v1.cache_pb2 import CacheGetResponse as GetResponse
from prism._proto.data.v1.cache_pb2 import CacheIncrementRequest as IncrementRequest
from prism._proto.data.v1.cache_pb2 import CacheIncrementResponse as IncrementResponse
from prism._proto.data.v1.cache_pb2 import CacheMGetRequest as MGetRequest
from prism._proto.data.v1.cache_pb2 import CacheMGetResponse as MGetResponse
from prism._proto.data.v1.cache_pb2 import CacheSetMode as SetMode
from prism._proto.data.v1.cache_pb2 import CacheSetRequest as SetRequest
from prism._proto.data.v1.cache_pb2 import CacheSetResponse as SetResponse
from prism._proto.data.v1.cache_pb2 import CacheTtlRequest as TtlRequest
from prism._proto.data.v1.cache_pb2 import CacheTtlResponse as TtlResponse
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "INTERFACE",
    "Cache",
    "Context",
    "DeleteRequest",
    "DeleteResponse",
    "Entry",
    "ExistsRequest",
    "ExistsResponse",
    "ExpireRequest",
    "ExpireResponse",
    "GetRequest",
    "GetResponse",
    "IncrementRequest",
    "IncrementResponse",
    "MGetRequest",
    "MGetResponse",
    "SetMode",
    "SetRequest",
    "SetResponse",
    "Ttl",
    "TtlRequest",
    "TtlResponse",
]


class Cache(Protocol):
    """What every backend implements to serve Cache; requests arrive valid by the rules in the .proto.

    An implementation subclasses it, and `Ttl` where its manifest declares that capability, so that mypy checks it
    whole.
    """

    async def get(self, request: GetRequest, context: Context) -> GetResponse: ...

    async def set(self, request: SetRequest, context: Context) -> SetResponse: ...

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse: ...

    async def m_get(self, request: MGetRequest, context: Context) -> MGetResponse: ...

    async def exists(self, request: ExistsRequest, context: Context) -> ExistsResponse: ...

    async def increment(self, request: IncrementRequest, context: Context) -> IncrementResponse: ...


class Ttl(Protocol):
    """The capability `ttl`, beyond the ttl of an entry that is set."""

    async def expire(self, request: ExpireRequest, context: Context) -> ExpireResponse: ...

    async def ttl(self, request: TtlRequest, context: Context) -> TtlResponse: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.cache import CacheCapabilities

    return CacheCapabilities


INTERFACE = Interface.of(
    Cache,
    pb.DESCRIPTOR.services_by_name["Cache"],
    capabilities=_capabilities,
    optional={"ttl": Ttl},
    keeps_data=False,
)
