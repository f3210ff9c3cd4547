"""The native heart of the wire, where the distribution `prism-native` is installed; all works without it.

`PRISM_NATIVE=0` leaves it out.
"""

import os
from types import ModuleType
from typing import Final

_INTERFACE: Final = 2  # what this version expects of the module


def _found() -> tuple[ModuleType | None, str]:
    """The module, or None and why it is not used."""
    if os.environ.get("PRISM_NATIVE") == "0":
        return None, "PRISM_NATIVE is 0"
    try:
        import prism_native
    except ModuleNotFoundError:
        return None, "prism-native is not installed"
    except ImportError as error:
        return None, f"prism-native cannot be loaded: {error}"
    if prism_native.INTERFACE != _INTERFACE:
        return (
            None,
            f"prism-native {prism_native.__version__} is of another version of Prism: install the one beside it",
        )
    return prism_native, ""


native, WHY_NOT = _found()

WIRE: Final = "python" if native is None else "native"
"""Which one runs, in a word."""

DESCRIPTION: Final = f"in plain Python: {WHY_NOT}" if native is None else f"native, prism-native {native.__version__}"
"""The same for operators."""
