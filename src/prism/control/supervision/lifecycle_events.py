"""What happens to one instance, for the audit trail and the log: nothing secret."""

import traceback
from collections.abc import Callable

from prism.config.specification import InstanceSpec
from prism.errors import BackendUnavailable
from prism.telemetry.audit import audit


class LifecycleEvents:
    """That of one instance."""

    def __init__(self, spec: InstanceSpec, store: Callable[[], str]) -> None:
        """
        Args:
            spec: what runs.
            store: what its store is called.
        """
        self._spec = spec
        self._store = store

    def record(self, action: str, outcome: str = "OK", **detail: object) -> None:
        """An event for the audit trail.

        Args:
            action: such as `plugin.serves`.
            outcome: the name of a status code.
            detail: besides the plugin, its version and its store.
        """
        plugin, scrub = self._spec.plugin, self._spec.redactor.scrub
        own = {"backend": plugin.name, "version": plugin.manifest.version, "store": scrub(self._store())}
        audit.record("plugin", action, outcome=outcome, detail={**own, **detail})

    def trace(self, error: BaseException) -> str:
        """An error in words, for the log: of a store that is down a sentence, of anything else where it came from."""
        if isinstance(error, BackendUnavailable):
            return self._spec.redactor.scrub(error.message)
        return self._spec.redactor.scrub("".join(traceback.format_exception(error)))
