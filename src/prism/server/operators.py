"""Who may administer: the callers of the data port who have a rule with the operation `admin`.

Once authentication is configured the admin port asks by the same methods, and denies what no rule allows.
"""

from collections.abc import Callable

from prism.admin.authorizer import EVERYWHERE
from prism.errors import PermissionDenied
from prism.gateway.call import Call, Incoming
from prism.gateway.hops.authenticate import Authenticate
from prism.gateway.snapshot import Snapshot
from prism.interfaces.operation import Operation
from prism.principal import ADMIN, ANONYMOUS, Principal


class Operators:
    """A `prism.admin.authorizer.Authorizer`.

    Args:
        authenticate: the hop that is in force; None where authentication is off.
        snapshot: the configuration that is in force.
    """

    def __init__(self, authenticate: Callable[[], Authenticate | None], snapshot: Callable[[], Snapshot]) -> None:
        self._authenticate = authenticate
        self._snapshot = snapshot

    async def identify(self, operation: Operation, incoming: Incoming) -> Principal:
        """Who calls, by the methods of the data port; raises what they do."""
        authenticate = self._authenticate()
        if authenticate is None:
            return ANONYMOUS
        call = Call(operation, incoming, self._snapshot())
        if (slow := authenticate(call)) is not None:
            await slow
        return call.principal

    def allow(self, principal: Principal, namespace: str) -> None:
        """Passes where a rule allows `admin` there.

        Raises:
            PermissionDenied: none does; the same whether or not there is such a namespace.
        """
        access = self._snapshot().access
        if access is None or ADMIN in access.allowed(principal, namespace):
            return
        what = "the gateway as a whole" if namespace == EVERYWHERE else f"the namespace {namespace[:63]!r}"
        raise PermissionDenied(
            f"{principal.name[:100]!r} may not administer {what}; add a rule with the operation admin that covers it"
        )
