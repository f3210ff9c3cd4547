"""The hop authorize: may this principal do this on this namespace? A decision is made once and then looked up."""

from prism.config.access import Access
from prism.errors import PermissionDenied
from prism.gateway.bounded_cache import BoundedCache
from prism.gateway.call import Call
from prism.principal import Principal

DECISIONS = 100_000
"""Most decisions that are remembered, of one principal on one namespace each."""


class Authorize:
    """The hop. A namespace that is not allowed and one that does not exist get the same answer."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._decisions: BoundedCache[tuple[Principal, str], frozenset[str]] = BoundedCache(DECISIONS)

    def __call__(self, call: Call) -> None:
        """Admits what is allowed.

        Raises:
            PermissionDenied: it is not.
        """
        key = (call.principal, call.namespace)
        allowed = self._decisions.get(key)
        if allowed is None:
            allowed = self._access.allowed(call.principal, call.namespace)
            if (
                len(call.namespace) < 64
            ):  # longer names are never configured, and any caller could fill the cache with them
                self._decisions.keep(key, allowed)
        operation = call.operation
        if operation.right not in allowed and operation.own_right not in allowed:
            raise denied(call.principal, call.namespace, operation.operation_class)
        if operation.also_rights and operation.also_rights.isdisjoint(allowed):
            raise denied(call.principal, call.namespace, operation.also)


def denied(principal: Principal, namespace: str, operation: str) -> PermissionDenied:
    """The refusal, the same whether or not there is such a namespace."""
    who = f"{principal.name[:100]!r} may not" if principal.name else "you may not"
    return PermissionDenied(
        f"{who} {operation} on the namespace {namespace[:63]!r}; ask the gateway's operator for a rule that allows it"
    )
