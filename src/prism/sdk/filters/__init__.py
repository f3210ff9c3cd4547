"""Filters for plugins: resolved against the fields of their rows, evaluated here, or made into a store's statement."""

from prism.sdk.filters.evaluator import matches
from prism.sdk.filters.field import Field, Order
from prism.sdk.filters.resolution import resolve
from prism.sdk.filters.sql import Dialect, where
from prism.sdk.filters.tree import All, Any, FieldTest, Not, Operand, Resolved

__all__ = [
    "All",
    "Any",
    "Dialect",
    "Field",
    "FieldTest",
    "Not",
    "Operand",
    "Order",
    "Resolved",
    "matches",
    "resolve",
    "where",
]
