"""Reader for plugins of stores that speak SQL: collections, sorts, cursors and pages; a plugin brings its store."""

from prism.sdk.reader.collection import Collection, Column, Index, IndexField
from prism.sdk.reader.configured import configured
from prism.sdk.reader.cursors import Undecodable
from prism.sdk.reader.options import CollectionOptions, ReaderOptions
from prism.sdk.reader.reader import Store, StoredReader, Work, not_found
from prism.sdk.reader.statements import Dialect, Statement

__all__ = [
    "Collection",
    "CollectionOptions",
    "Column",
    "Dialect",
    "Index",
    "IndexField",
    "ReaderOptions",
    "Statement",
    "Store",
    "StoredReader",
    "Undecodable",
    "Work",
    "configured",
    "not_found",
]
