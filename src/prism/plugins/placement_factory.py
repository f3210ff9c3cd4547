"""The table of placements: from where an instance is to run to what runs it there.

A placement's code is imported when the first instance needs it: most gateways need one kind.
"""

from collections.abc import Callable, Mapping
from typing import Any

from prism.plugins.discovery import Plugin
from prism.plugins.in_process import InProcess
from prism.plugins.managed_instance import ManagedInstance
from prism.plugins.placement import Command, Here, Placement
from prism.plugins.sidecar.start_queue import StartQueue
from prism.sdk.backend import Config


def make_instance(
    plugin: Plugin,
    placement: Placement,
    models: tuple[Config, Config],
    options: tuple[Mapping[str, Any], Mapping[str, Any]],
    scrub: Callable[[str], str],
    starts: StartQueue,
) -> ManagedInstance:
    """An instance, not started.

    Args:
        plugin: what runs.
        placement: where.
        models: its validated configuration and credentials.
        options: both as they were written.
        scrub: takes what is secret out of a text.
        starts: where processes wait for their turn to start.
    """
    if isinstance(placement, Here):
        return InProcess(plugin, *models)
    if isinstance(placement, Command):
        from prism.plugins.sidecar.sidecar import Sidecar

        return Sidecar(plugin, placement, *options, scrub, starts)
    from prism.plugins.rpc.remote import Remote

    return Remote(plugin, placement, *options)
