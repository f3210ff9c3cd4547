"""ObjectStore for applications: objects of any size, as streams, from and into files, and by parts."""

from prism.client.objects.info import ObjectInfo, PartInfo, PresignedUrl, StoredObject, UploadInfo
from prism.client.objects.objectstore import ObjectStore
from prism.client.objects.reader import ObjectReader
from prism.client.objects.source import Data, OnProgress

__all__ = [
    "Data",
    "ObjectInfo",
    "ObjectReader",
    "ObjectStore",
    "OnProgress",
    "PartInfo",
    "PresignedUrl",
    "StoredObject",
    "UploadInfo",
]
