"""ObjectStore: objects of any size under keys. What each operation means: prism/data/v1/objectstore.proto.

In this module the abstraction's messages go by their short names: `PutRequest` is `ObjectStorePutRequest` on the wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from prism._proto.data.v1 import objectstore_pb2 as pb
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreAbortUploadRequest as AbortUploadRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreAbortUploadResponse as AbortUploadResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreChecksum as Checksum
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreCompleteUploadRequest as CompleteUploadRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreCompleteUploadResponse as CompleteUploadResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreCopyRequest as CopyRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreCopyResponse as CopyResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreDeleteManyRequest as DeleteManyRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreDeleteManyResponse as DeleteManyResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreDeleteRequest as DeleteRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreDeleteResponse as DeleteResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreEntry as Entry
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreFinish as Finish
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreGetEnd as GetEnd
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreGetHead as GetHead
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreGetRequest as GetRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreGetResponse as GetResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreHeadRequest as HeadRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreHeadResponse as HeadResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreListPartsRequest as ListPartsRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreListPartsResponse as ListPartsResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreListRequest as ListRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreListResponse as ListResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreListUploadsRequest as ListUploadsRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreListUploadsResponse as ListUploadsResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreMethod as Method
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreObject as Object
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePart as Part
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePartName as PartName
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePresignRequest as PresignRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePresignResponse as PresignResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreProperties as Properties
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePutHead as PutHead
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePutPartHead as PutPartHead
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePutPartRequest as PutPartRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePutPartResponse as PutPartResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePutRequest as PutRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStorePutResponse as PutResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreRange as Range
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreStartUploadRequest as StartUploadRequest
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreStartUploadResponse as StartUploadResponse
from prism._proto.data.v1.objectstore_pb2 import ObjectStoreUpload as Upload
from prism.context import Context
from prism.errors import Unimplemented
from prism.interfaces.operation import Interface, Invoke

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "INTERFACE",
    "AbortUploadRequest",
    "AbortUploadResponse",
    "Checksum",
    "CompleteUploadRequest",
    "CompleteUploadResponse",
    "Context",
    "CopyRequest",
    "CopyResponse",
    "DeleteManyRequest",
    "DeleteManyResponse",
    "DeleteRequest",
    "DeleteResponse",
    "Entry",
    "Finish",
    "GetEnd",
    "GetHead",
    "GetRequest",
    "GetResponse",
    "HeadRequest",
    "HeadResponse",
    "ListPartsRequest",
    "ListPartsResponse",
    "ListRequest",
    "ListResponse",
    "ListUploadsRequest",
    "ListUploadsResponse",
    "Method",
    "Object",
    "ObjectStore",
    "Part",
    "PartName",
    "PresignRequest",
    "PresignResponse",
    "Properties",
    "PutHead",
    "PutPartHead",
    "PutPartRequest",
    "PutPartResponse",
    "PutRequest",
    "PutResponse",
    "Range",
    "StartUploadRequest",
    "StartUploadResponse",
    "Upload",
    "Uploads",
]


class ObjectStore(Protocol):
    """What every backend implements to serve ObjectStore; requests arrive valid by the rules in the .proto.

    What a rule cannot say (of keys, metadata, conditions, the order of a stream) and all that is not a store is done
    once in `prism.sdk.objectstore`.
    """

    async def put(self, requests: AsyncIterator[PutRequest], context: Context) -> PutResponse: ...

    def get(self, request: GetRequest, context: Context) -> AsyncIterator[GetResponse]: ...

    async def head(self, request: HeadRequest, context: Context) -> HeadResponse: ...

    async def delete(self, request: DeleteRequest, context: Context) -> DeleteResponse: ...

    async def delete_many(self, request: DeleteManyRequest, context: Context) -> DeleteManyResponse: ...

    async def list(self, request: ListRequest, context: Context) -> ListResponse: ...

    async def copy(self, request: CopyRequest, context: Context) -> CopyResponse: ...


class Uploads(Protocol):
    """The capability `uploads`: objects that come by parts."""

    async def start_upload(self, request: StartUploadRequest, context: Context) -> StartUploadResponse: ...

    async def put_part(self, requests: AsyncIterator[PutPartRequest], context: Context) -> PutPartResponse: ...

    async def complete_upload(self, request: CompleteUploadRequest, context: Context) -> CompleteUploadResponse: ...

    async def abort_upload(self, request: AbortUploadRequest, context: Context) -> AbortUploadResponse: ...

    async def list_uploads(self, request: ListUploadsRequest, context: Context) -> ListUploadsResponse: ...

    async def list_parts(self, request: ListPartsRequest, context: Context) -> ListPartsResponse: ...


async def _presign(_invoke: Invoke, _request: PresignRequest, _context: Context, _most: int) -> PresignResponse:
    """A backend has no part in it: it implements `presign` only for addresses of the store itself (`direct`)."""
    raise Unimplemented("this address is signed by a gateway; ask one for it, over its data port")


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.objectstore import ObjectStoreCapabilities

    return ObjectStoreCapabilities


INTERFACE = Interface.of(
    ObjectStore,
    pb.DESCRIPTOR.services_by_name["ObjectStore"],
    capabilities=_capabilities,
    optional={"uploads": Uploads},
    derived={"presign": _presign},
)
