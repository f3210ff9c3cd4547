"""The chain: the hops that every call passes, in order. A policy that is off is absent from it.

Telemetry puts its own around them (`Gateway.observe`): which call this is before all others, dispatch after all others.
"""

from dataclasses import dataclass

from prism.gateway.call import Hop
from prism.gateway.hops.header_check import one_namespace
from prism.gateway.hops.route import route


@dataclass(frozen=True, slots=True)
class Policies:
    """The optional hops; None is off.

    Attributes:
        shed: refuses all calls while the event loop lags.
        authenticate: finds out who calls; sets `call.principal`.
        authorize: may this principal do this on this namespace?
        longest: may a caller wait as long as this one would?
        limit: how much of it?
        protect: what stands between the call and its instance.
    """

    shed: Hop | None = None
    authenticate: Hop | None = None
    authorize: Hop | None = None
    longest: Hop | None = None
    limit: Hop | None = None
    protect: Hop | None = None


def chain(policies: Policies) -> tuple[Hop, ...]:
    """The hops in the order of the picture in docs/architecture.md."""
    ordered = (
        policies.shed,
        one_namespace,
        policies.authenticate,
        policies.authorize,
        policies.longest,
        policies.limit,
        route,
        policies.protect,
    )
    return tuple(hop for hop in ordered if hop is not None)
