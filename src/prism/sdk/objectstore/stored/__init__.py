"""ObjectStore served from blobs and an index in SQLite; a store has a keeper of each, and the rules are here."""

from prism.sdk.objectstore.stored.blobs import CHUNK, BlobGone, BlobReader, Blobs, BlobWriter, Piece
from prism.sdk.objectstore.stored.index import TABLES, Index
from prism.sdk.objectstore.stored.objects import StoredObjects
from prism.sdk.objectstore.stored.receiving import Transactions

__all__ = [
    "CHUNK",
    "TABLES",
    "BlobGone",
    "BlobReader",
    "BlobWriter",
    "Blobs",
    "Index",
    "Piece",
    "StoredObjects",
    "Transactions",
]
