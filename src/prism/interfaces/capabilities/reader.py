"""What a backend's Reader can do."""

from typing import Literal

from prism.interfaces.capabilities.base import Capabilities


class ReaderCapabilities(Capabilities):
    """What a backend's Reader can do.

    Attributes:
        kinds: the kind of a value is decided by its `column`, or by its `row`.
        nulls: nulls come where a sort asks for them in any of its fields, or only in the `first` one.
        settings: the caller's name reaches the store, where row-level security sees it.
    """

    kinds: Literal["column", "row"] = "column"
    nulls: Literal["any", "first"] = "any"
    settings: bool = False
