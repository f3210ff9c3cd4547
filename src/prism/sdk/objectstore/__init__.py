"""ObjectStore for plugins: the rules one by one; `stored` serves it whole from blobs and an index."""

from prism.sdk.objectstore.budget import Budget
from prism.sdk.objectstore.checksums import Digest
from prism.sdk.objectstore.incoming import Incoming
from prism.sdk.objectstore.options import ObjectOptions

__all__ = ["Budget", "Digest", "Incoming", "ObjectOptions"]
