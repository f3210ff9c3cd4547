"""Reloads on request: of one namespace's instance, and of the whole configuration."""

from collections.abc import Iterable
from itertools import islice

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.status import Reporter, find
from prism.control.control import Control
from prism.control.report import ReloadReport
from prism.errors import FailedPrecondition
from prism.reason import Reason

_MAX_LISTED = 1000
_MAX_PROBLEMS = 10


class Reloads:
    """Reloads.

    Args:
        control: does it.
        reporter: knows the state of namespaces.
    """

    def __init__(self, control: Control, reporter: Reporter) -> None:
        self._control = control
        self._reporter = reporter

    async def reload_plugin(self, request: pb.ReloadPluginRequest, _actor: Actor) -> pb.ReloadPluginResponse:
        """Replaces the instance of a namespace.

        Raises:
            NamespaceNotFound: it is not configured.
            FailedPrecondition: the new instance cannot serve, or the configuration cannot be used; the old one serves.
        """
        name = request.namespace
        before = find(self._control, name)
        report = await self._control.reload(
            namespace=name, abstraction=request.abstraction, force=True, version=request.version
        )
        as_before = f"namespace {name!r} was not reloaded and is served as before"
        _applied(report, as_before)
        if (reason := report.held.get(name)) is not None:
            raise FailedPrecondition(f"{as_before}: {reason}", reason=Reason.RELOAD_FAILED)
        served = find(self._control, name)
        statuses = self._reporter.statuses([served])
        replaced = [
            (backend, status)
            for backend, status in zip(served.backends, statuses, strict=True)
            if not request.abstraction or request.abstraction in backend.spec.abstractions
        ]
        first, status = replaced[0]
        notes = [*report.notes]
        if any(backend.spec.instance.placement.type == "in_process" for backend, _ in replaced):
            notes.append("the code in the gateway's own process is not reloaded; a new version needs a restart")
        previous = before.serving(first.spec.abstractions[0]) or first.supervised
        return pb.ReloadPluginResponse(
            status=status,
            previous_version=previous.spec.plugin.manifest.version,
            namespaces=sum(first.supervised in each.instances for each in self._control.served.values()),
            generation=report.generation,
            notes=notes,
            statuses=[each for _, each in replaced] if len(replaced) > 1 else (),
        )

    async def reload_configuration(
        self, _request: pb.ReloadConfigurationRequest, _actor: Actor
    ) -> pb.ReloadConfigurationResponse:
        """Reads the configuration again.

        Raises:
            FailedPrecondition: it cannot be used; everything is served as before.
        """
        report = await self._control.reload()
        _applied(report, "the configuration was not applied and everything is served as before")
        return pb.ReloadConfigurationResponse(
            generation=report.generation,
            added=_first(report.added),
            changed=_first(report.changed),
            removed=_first(report.removed),
            held={name: report.held[name] for name in _first(report.held)},
            notes=report.notes,
        )


def _applied(report: ReloadReport, as_before: str) -> None:
    if not report.applied:
        shown = [str(each) for each in report.problems[:_MAX_PROBLEMS]]
        if more := len(report.problems) - len(shown):
            shown.append(f"and {more} more")
        raise FailedPrecondition(f"{as_before}: {'; '.join(shown)}", reason=Reason.CONFIGURATION_INVALID)


def _first(names: Iterable[str]) -> list[str]:
    return list(islice(names, _MAX_LISTED))
