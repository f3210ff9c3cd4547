"""Disables a namespace and enables it again."""

from time import time

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.status import Reporter, find
from prism.control.control import Control
from prism.control.disabled import Disabled


class Enablement:
    """Disables and enables.

    Args:
        control: does it.
        reporter: knows the state of namespaces.
    """

    def __init__(self, control: Control, reporter: Reporter) -> None:
        self._control = control
        self._reporter = reporter

    async def disable_plugin(self, request: pb.DisablePluginRequest, actor: Actor) -> pb.DisablePluginResponse:
        """Refuses a namespace's calls.

        Raises:
            NamespaceNotFound: it is not configured.
        """
        # It becomes part of a sentence that others print on their terminals.
        reason = "".join(each if each.isprintable() else " " for each in request.reason).strip()
        changed = self._control.disable(request.namespace, Disabled(str(actor), reason, time()))
        first, *rest = self._statuses(request.namespace)
        return pb.DisablePluginResponse(status=first, changed=changed, statuses=[first, *rest] if rest else ())

    async def enable_plugin(self, request: pb.EnablePluginRequest, _actor: Actor) -> pb.EnablePluginResponse:
        """Serves them again. Raises as `disable_plugin` does."""
        changed = self._control.enable(request.namespace)
        first, *rest = self._statuses(request.namespace)
        return pb.EnablePluginResponse(status=first, changed=changed, statuses=[first, *rest] if rest else ())

    def _statuses(self, namespace: str) -> list[pb.PluginStatus]:
        return self._reporter.statuses([find(self._control, namespace)])
