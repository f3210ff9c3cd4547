"""The chain: the hops that every call passes, in order, and what is set on every answer. What is off is absent from it.

Telemetry puts its own around them (`Gateway.observe`): which call this is before all others, dispatch after all others.
"""

from dataclasses import dataclass

from prism.gateway.call import Hop
from prism.gateway.hops.header_check import header_check
from prism.gateway.hops.route import route
from prism.gateway.response import ResponseHop


@dataclass(frozen=True, slots=True)
class Policies:
    """The optional hops; None is off.

    Attributes:
        overload: refuses all calls while the event loop lags.
        authenticate: finds out who calls; sets `call.principal`.
        authorize: may this principal do this on this namespace?
        deadline_limit: may a caller wait as long as this one would?
        limit: how much of it?
        resilience: what stands between the call and its instance.
    """

    overload: Hop | None = None
    authenticate: Hop | None = None
    authorize: Hop | None = None
    deadline_limit: Hop | None = None
    limit: Hop | None = None
    resilience: Hop | None = None


def chain(policies: Policies) -> tuple[Hop, ...]:
    """The hops in the order of the picture in docs/architecture.md."""
    ordered = (
        policies.overload,
        header_check,
        policies.authenticate,
        policies.authorize,
        policies.deadline_limit,
        policies.limit,
        route,
        policies.resilience,
    )
    return tuple(hop for hop in ordered if hop is not None)


def response_chain(*, headers: ResponseHop | None = None) -> tuple[ResponseHop, ...]:
    """The functions that set headers and trailers of answers, in order; most gateways have none.

    Args:
        headers: sets the headers that are configured; None is off.
    """
    ordered = (headers,)
    return tuple(hop for hop in ordered if hop is not None)
