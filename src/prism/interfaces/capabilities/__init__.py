"""What a backend can do for each abstraction, a module each; loaded only when asked for, as a client needs none."""

from prism.interfaces.capabilities.base import Capabilities, undeclared

__all__ = ["Capabilities", "undeclared"]
