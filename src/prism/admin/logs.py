"""What plugins in processes of their own print: the last lines, and those that come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.action import Actor
from prism.admin.status import find
from prism.control.control import Control
from prism.control.served import Served
from prism.errors import FailedPrecondition
from prism.plugins.placement import Command

LOOK_AGAIN = 0.25
"""Seconds between two looks for new lines."""


class Logs:
    """Tells lines.

    Args:
        control: knows who prints them.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get_plugin_logs(
        self, request: pb.GetPluginLogsRequest, _actor: Actor
    ) -> AsyncIterator[pb.GetPluginLogsResponse]:
        """The lines of one namespace's plugin; with `follow` through reloads, until the namespace is gone.

        Raises:
            NamespaceNotFound: it is not configured, or no longer.
            FailedPrecondition: the plugin's lines are somewhere else.
        """
        lines = _lines(find(self._control, request.namespace), request.abstraction)
        for line in lines[-request.lines :]:  # [-0:] is all
            yield _response(line)
        while request.follow:
            await asyncio.sleep(LOOK_AGAIN)
            last = lines[-1] if lines else None
            lines = _lines(find(self._control, request.namespace), request.abstraction)
            fresh, gap = _after(last, lines)
            for line in fresh:
                yield _response(line, gap=gap)
                gap = False


def _lines(served: Served, abstraction: str) -> Sequence[str]:
    meant = [each for each in served.backends if not abstraction or abstraction in each.spec.abstractions]
    if not meant:
        known = ", ".join(served.spec.abstractions)
        raise FailedPrecondition(f"namespace {served.spec.name!r} does not serve {abstraction!r}; it serves {known}")
    printing = [each for each in meant if isinstance(each.spec.instance.placement, Command)]
    if len(printing) > 1:
        known = " or ".join(each.spec.abstractions[0] for each in printing)
        raise FailedPrecondition(f"several plugins serve namespace {served.spec.name!r}; name the abstraction: {known}")
    if printing:
        return printing[0].supervised.instance.logs()
    instance = meant[0].spec.instance
    where = (
        "it runs in the gateway's own process, and its lines are in the gateway's log"
        if instance.placement.type == "in_process"
        else "the gateway did not start it; look where it runs"
    )
    raise FailedPrecondition(f"plugin {instance.plugin.name!r} has no log here: {where}")


def _after(last: str | None, lines: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The lines after `last`, which is found by being the very same object; whether some in between are lost."""
    if last is None:
        return lines, False
    for index in range(len(lines) - 1, -1, -1):
        if lines[index] is last:
            return lines[index + 1 :], False
    return lines, bool(lines)


def _response(line: str, *, gap: bool = False) -> pb.GetPluginLogsResponse:
    """A line as it is kept: when it came, a space, the text."""
    moment, _, text = line.partition(" ")
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromisoformat(moment))
    return pb.GetPluginLogsResponse(line=text, time=stamp, gap=gap)
