"""What the refusal of an undeclared capability must say: what is missing, and through a gateway, a backend with it."""

import re

from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.table import THROUGH_GATEWAYS
from prism.errors import Unimplemented
from prism.plugins.discovery import discover


def explains(error: Unimplemented, interface: str, capability: str, caller: Caller) -> bool:
    """Whether the refusal names the capability, and where a gateway has made it, a backend that declares it."""
    if error.capability != capability or repr(capability) not in error.message:
        return False
    # A plugin by itself knows of no other; those that are installed here are known to the gateway too.
    offering = set(discover().offers().get((interface, capability), ())) if caller.name in THROUGH_GATEWAYS else set()
    named = set(re.findall(r"[\w.-]+", error.message.rpartition(";")[2]))
    return not offering or bool(named & offering)
