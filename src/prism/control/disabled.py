"""A namespace that an operator has refuse its calls: who, why, and the sentence that its callers get."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prism.errors import NamespaceDisabled
from prism.plugins.instance import Instance
from prism.plugins.unavailable_instance import UnavailableInstance


@dataclass(frozen=True, slots=True)
class Disabled:
    """An order to refuse calls; it outlives reloads, and ends with the process.

    Attributes:
        by: who gave it, as far as it is known.
        reason: why; empty where nobody said.
        time: when, in seconds since 1970.
    """

    by: str
    reason: str
    time: float

    def sentence(self, namespace: str) -> str:
        """What callers are told."""
        since = datetime.fromtimestamp(self.time, UTC)
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"namespace {namespace!r} was disabled by {self.by} at {since:%Y-%m-%d %H:%M:%S} UTC{why}; "
            f"`prism plugin enable {namespace}` enables it again"
        )

    def target(self, namespace: str, instance: Instance) -> UnavailableInstance:
        """What refuses in the instance's place."""
        unavailable = UnavailableInstance(instance.backend, instance.capabilities, self.sentence(namespace))
        unavailable.refusal_kind = NamespaceDisabled
        return unavailable
