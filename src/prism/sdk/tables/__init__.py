"""Tables that Prism found, for plugins: what is said of their columns, and values that do not fit one."""

from prism.sdk.tables.column import Column, Misfit

__all__ = ["Column", "Misfit"]
