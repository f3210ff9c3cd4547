"""The state of the plugins of each namespace."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.page import page
from prism.admin.plain import struct
from prism.control import describe
from prism.control.control import Control
from prism.control.served import Served, ServedBackend
from prism.control.supervision.replacement import not_found
from prism.sdk.backend import HealthStatus

_STATES = {
    "starting": pb.PLUGIN_STATE_STARTING,
    "ready": pb.PLUGIN_STATE_READY,
    "degraded": pb.PLUGIN_STATE_DEGRADED,
    "unavailable": pb.PLUGIN_STATE_UNAVAILABLE,
}
_SEVERITY = (
    pb.PLUGIN_STATE_READY,
    pb.PLUGIN_STATE_DEGRADED,
    pb.PLUGIN_STATE_STARTING,
    pb.PLUGIN_STATE_UNAVAILABLE,
    pb.PLUGIN_STATE_DISABLED,
)
"""From well to ill."""
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


BreakerStatuses = Mapping[tuple[str, str], BreakerStatus]
Breakers = Callable[[], BreakerStatuses]
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

    def state(self, served: Served, backend: ServedBackend) -> pb.PluginState:
        """The state of one backend of a namespace, alone."""
        if served.spec.name in self._control.disabled:
            return pb.PLUGIN_STATE_DISABLED
        return _STATES[describe.state(served.spec.name, backend.supervised)["status"]]

    def worst(self, served: Served) -> pb.PluginState:
        """The state of a namespace: of its backends the worst."""
        return max((self.state(served, each) for each in served.backends), key=_SEVERITY.index)

    def statuses(self, served: Iterable[Served]) -> list[pb.PluginStatus]:
        """All of some namespaces, each backend for itself."""
        breakers = self._breakers()
        return [self._status(each, backend, breakers) for each in served for backend in each.backends]

    def _status(self, served: Served, backend: ServedBackend, breakers: BreakerStatuses) -> pb.PluginStatus:
        name, supervised, spec = served.spec.name, backend.supervised, backend.spec.instance
        disabled = self._control.disabled.get(name)
        state = describe.state(name, supervised)
        message = pb.PluginStatus(
            namespace=name,
            abstractions=backend.spec.abstractions,
            plugin=spec.plugin.name,
            version=supervised.spec.plugin.manifest.version,
            placement=spec.placement.type,
            state=self.state(served, backend),
            reason=disabled.status(name) if disabled else state["reason"],
            store=state["store"],
            calls=supervised.instance.active,
            restarts=supervised.restarts,
            process=struct(dict(supervised.instance.status())),
        )
        if supervised.health_state.probed_at:
            health = supervised.health_state.health
            probe = pb.Probe(result=_PROBES[health.status], message=health.message, details=state["health"])
            probe.time.CopyFrom(instant(supervised.health_state.probed_at))
            message.probe.CopyFrom(probe)
        if (failure := supervised.health_state.failure) is not None:
            message.last_failure.CopyFrom(pb.PluginFailure(message=failure.message, time=instant(failure.time)))
        if disabled is not None:
            order = pb.PluginDisabled(by=disabled.by, reason=disabled.reason, time=instant(disabled.time))
            message.disabled.CopyFrom(order)
        if (breaker := breakers.get((name, next(iter(backend.spec.services))))) is not None:
            message.breaker.CopyFrom(
                pb.PluginBreaker(state=breaker.state, trips=breaker.trips, opens_in_seconds=round(breaker.opens_in, 3))
            )
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
        wanted = (name for name in names if not request.plugin or request.plugin in _plugins(served[name]))
        shown, token = page(wanted, request.page_token, request.page_size)
        statuses = self._reporter.statuses(served[name] for name in shown)
        if request.plugin:
            statuses = [each for each in statuses if each.plugin == request.plugin]
        return pb.GetPluginStatusResponse(statuses=statuses, next_page_token=token)


def _plugins(served: Served) -> set[str]:
    return {each.spec.instance.plugin.name for each in served.backends}


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
