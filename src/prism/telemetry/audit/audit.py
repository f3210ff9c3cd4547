"""The audit trail's face: what an event is, and the one function that records one.

    audit.record("admin", "namespace.reload", principal="alice", detail={"generation": 7})

An event goes through the logger `prism.audit`, as logs go through theirs: code that records needs no object
handed to it, and where no trail is kept nothing is written. `prism.telemetry.audit.trail` keeps one. Details
never hold data of callers, nor anything secret; known secrets are taken out all the same.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from prism.telemetry.current import CURRENT

Kind = Literal["admin", "denial", "plugin", "call", "audit"]
"""An operator's action, a call that was refused, a plugin's life, a call that was carried out, the trail itself."""

LOGGER: Final = "prism.audit"
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})

_log = logging.getLogger(LOGGER)
_log.propagate = False  # an event is not a line of the log


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        kind: what it is about.
        action: what was done or tried: the full gRPC method of a call, else words such as `plugin.started`.
        outcome: the name of a gRPC status code.
        reason: `ErrorInfo.reason` where it failed.
        principal: who; empty where authentication is off.
        namespace: on which namespace; empty for none.
        peer: from where.
        trace_id: of the call's trace.
        backend: who served it.
        detail: more, by name; no data of callers, nothing secret.
        time: seconds since 1970.
    """

    kind: Kind
    action: str
    outcome: str = "OK"
    reason: str = ""
    principal: str = ""
    namespace: str = ""
    peer: str = ""
    trace_id: str = ""
    backend: str = ""
    detail: Mapping[str, object] = field(default_factory=dict)
    time: float = field(default_factory=time.time)


def record(
    kind: Kind,
    action: str,
    *,
    outcome: str = "OK",
    reason: str = "",
    principal: str = "",
    namespace: str = "",
    peer: str = "",
    detail: Mapping[str, object] = _NOTHING,
) -> None:
    """Records an event, from any thread; never waits and never raises. The fields are those of `Event`."""
    if _log.handlers:
        event = Event(kind, action, outcome, reason, principal, namespace, peer, current_trace_id(), detail=detail)
        _log.info("%s", action, extra={"event": event})


def current_trace_id() -> str:
    """Of the call at hand; empty for none."""
    current = CURRENT.get()
    return "" if current is None else current.trace_id
