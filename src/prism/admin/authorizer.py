"""Who may administer: the admin service asks an authorizer who calls, before it reads the request, and then whether the
caller may, once it knows which namespace is meant.
"""

from typing import Protocol

from prism.gateway.call import Incoming
from prism.interfaces.operation import Operation
from prism.principal import ANONYMOUS, Principal

EVERYWHERE = "*"
"""In place of a namespace: the gateway as a whole. No namespace can have this name, and only a rule for all fits it."""


class Authorizer(Protocol):
    """Authenticates and authorizes operators."""

    async def identify(self, operation: Operation, incoming: Incoming) -> Principal:
        """Who calls; ANONYMOUS where authentication is disabled.

        Raises:
            Unauthenticated: the caller is not known.
        """
        ...

    def allow(self, principal: Principal, namespace: str) -> None:
        """Passes where they may administer the namespace, or EVERYWHERE.

        Raises:
            PermissionDenied: they may not.
        """
        ...


class Anybody:
    """Allows every caller: for a port that only this machine reaches, with authentication disabled."""

    async def identify(self, operation: Operation, incoming: Incoming) -> Principal:  # noqa: ARG002  # the face
        """Every caller is anonymous."""
        return ANONYMOUS

    def allow(self, principal: Principal, namespace: str) -> None:
        """Passes."""
