"""How the plugin of each namespace fares."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.page import page
from prism.admin.plain import struct
from prism.control import describe
from prism.control.control import Control
from prism.control.supervision.replacement import not_found
from prism.control.transition import Served
from prism.sdk.backend import HealthStatus

_STATES = {
    "starting": pb.PLUGIN_STATE_STARTING,
    "ready": pb.PLUGIN_STATE_READY,
    "degraded": pb.PLUGIN_STATE_DEGRADED,
    "unavailable": pb.PLUGIN_STATE_UNAVAILABLE,
}
_PROBES = {
    HealthStatus.HEALTHY: pb.PROBE_RESULT_HEALTHY,
    HealthStatus.DEGRADED: pb.PROBE_RESULT_DEGRADED,
    HealthStatus.UNHEALTHY: pb.PROBE_RESULT_UNHEALTHY,
}


class BreakerStatus(Protocol):
    """What a circuit breaker says of itself."""

    @property
    def state(self) -> str: ...

    @property
    def trips(self) -> int: ...

    @property
    def opens_in(self) -> float: ...


Breakers = Callable[[], Mapping[tuple[str, str], BreakerStatus]]
"""The breaker of each namespace and gRPC service that has one."""


class Reporter:
    """Puts what is known of a namespace's plugin into a message.

    Args:
        control: keeps the plugins up.
        breakers: the circuit breakers.
    """

    def __init__(self, control: Control, breakers: Breakers) -> None:
        self._control = control
        self._breakers = breakers

    def state(self, served: Served) -> pb.PluginState:
        """The state alone."""
        if served.spec.name in self._control.disabled:
            return pb.PLUGIN_STATE_DISABLED
        return _STATES[describe.state(served)["status"]]

    def statuses(self, served: Iterable[Served]) -> list[pb.PluginStatus]:
        """All of some namespaces."""
        breakers = self._breakers()
        return [self._status(each, _breaker_of(each, breakers)) for each in served]

    def status(self, served: Served) -> pb.PluginStatus:
        """All of one namespace."""
        return self._status(served, _breaker_of(served, self._breakers()))

    def _status(self, served: Served, breaker: BreakerStatus | None) -> pb.PluginStatus:
        name = served.spec.name
        disabled = self._control.disabled.get(name)
        supervised = served.supervised
        told = describe.state(served)
        row = describe.row(served.spec)
        message = pb.PluginStatus(
            namespace=name,
            plugin=row["backend"],
            version=supervised.spec.plugin.manifest.version,
            placement=row["placement"],
            state=self.state(served),
            reason=disabled.sentence(name) if disabled else told["reason"],
            store=told["store"],
            calls=supervised.instance.active,
            restarts=supervised.restarts,
            process=struct(dict(supervised.instance.status())),
        )
        if supervised.health_state.probed_at:
            health = supervised.health_state.health
            probe = pb.Probe(result=_PROBES[health.status], message=health.message, details=told["health"])
            probe.time.CopyFrom(instant(supervised.health_state.probed_at))
            message.probe.CopyFrom(probe)
        if (failure := supervised.health_state.failure) is not None:
            message.last_failure.CopyFrom(pb.PluginFailure(message=failure.message, time=instant(failure.time)))
        if disabled is not None:
            order = pb.PluginDisabled(by=disabled.by, reason=disabled.reason, time=instant(disabled.time))
            message.disabled.CopyFrom(order)
        if breaker is not None:
            told_of = pb.PluginBreaker(
                state=breaker.state, trips=breaker.trips, opens_in_seconds=round(breaker.opens_in, 3)
            )
            message.breaker.CopyFrom(told_of)
        return message


class Statuses:
    """Tells the status of namespaces' plugins.

    Args:
        control: keeps them up.
        reporter: puts it into words.
    """

    def __init__(self, control: Control, reporter: Reporter) -> None:
        self._control = control
        self._reporter = reporter

    async def get_plugin_status(self, request: pb.GetPluginStatusRequest, _actor: Actor) -> pb.GetPluginStatusResponse:
        """A page of them, or one.

        Raises:
            NamespaceNotFound: it is not configured.
        """
        served = self._control.served
        names = [find(self._control, request.namespace).spec.name] if request.namespace else served
        wanted = (name for name in names if request.plugin in ("", served[name].spec.instance.plugin.name))
        shown, token = page(wanted, request.page_token, request.page_size)
        statuses = self._reporter.statuses(served[name] for name in shown)
        return pb.GetPluginStatusResponse(statuses=statuses, next_page_token=token)


def _breaker_of(served: Served, breakers: Mapping[tuple[str, str], BreakerStatus]) -> BreakerStatus | None:
    return breakers.get((served.spec.name, next(iter(served.spec.services))))


def find(control: Control, namespace: str) -> Served:
    """The namespace and who serves it.

    Raises:
        NamespaceNotFound: it is not configured.
    """
    found = control.served.get(namespace)
    if found is None:
        raise not_found(namespace, control.served)
    return found


def instant(seconds: float) -> Timestamp:
    """An instant given in seconds since 1970, to the millisecond."""
    stamp = Timestamp()
    stamp.FromMilliseconds(round(seconds * 1000))
    return stamp
