"""A namespace that an operator has disabled: who did it, why, and the message that its callers get."""

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
        reason: why; empty where none was given.
        time: when, in seconds since 1970.
    """

    by: str
    reason: str
    time: float

    def refusal(self, namespace: str) -> str:
        """The message for callers, who have no use for who did it and how it is undone."""
        why = f": {self.reason}" if self.reason else ""
        return f"namespace {namespace!r} is disabled{why}; retry later"

    def status(self, namespace: str) -> str:
        """The message for operators."""
        since = datetime.fromtimestamp(self.time, UTC)
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"namespace {namespace!r} was disabled by {self.by} at {since:%Y-%m-%d %H:%M:%S} UTC{why}; "
            f"`prism plugin enable {namespace}` enables it again"
        )

    def target(self, namespace: str, instance: Instance) -> UnavailableInstance:
        """What refuses in the instance's place."""
        unavailable = UnavailableInstance(instance.backend, instance.capabilities, self.refusal(namespace))
        unavailable.refusal_kind = NamespaceDisabled
        return unavailable
