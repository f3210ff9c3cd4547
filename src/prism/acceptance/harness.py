"""Which plugin is tested, on what store, by which suites: what a plugin's author writes in one line.

A harness in a test module is a collection of tests (`prism.acceptance.pytest_plugin`):

    shelf = PluginAcceptanceHarness("shelf")

Source: RFC-008 "Plugin Acceptance Test Framework".
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from prism.acceptance.store.backend import TestBackend
from prism.acceptance.suite import Suite, suites
from prism.errors import FailedPrecondition
from prism.plugins.discovery import Plugin, discover

WAYS = ("binding", "grpc", "http", "client")
"""Straight to the plugin; through gateways by a stock gRPC client, by HTTP/JSON, and by `prism.client`.

There is one more, to be asked for: `process`, to the plugin in a process of its own, without a gateway.
"""

EVERY_WAY = (*WAYS, "process")

Placement = Literal["in_process", "sidecar", "remote"]


class PluginAcceptanceHarness:
    """One plugin in one placement, to be tested.

    Args:
        plugin: its name, as a configuration gives it, or the plugin itself.
        store: makes the store that it is tested on; by default what the manifest names as `testing`.
        config: options of the plugin beyond those that lead to the store.
        suites: the names of the suites to run; by default every suite that applies to what the manifest declares.
        ways: the ways in that are tested; by default all where the plugin runs in the gateway, else `grpc` alone: what
            a placement can break lies behind the gateway, which is the same for every way in.
        placement: where the plugin runs; by default what `section` or the manifest says.
        section: the `plugin` section of a namespace, where the plugin is run by another command than its own, or runs
            already: `{"type": "sidecar", "command": [...]}`, `{"type": "remote", "endpoint": "host:port"}`.
    """

    def __init__(
        self,
        plugin: str | Plugin,
        store: Callable[[], TestBackend] | None = None,
        *,
        config: Mapping[str, object] | None = None,
        suites: Sequence[str] = (),
        ways: Sequence[str] = (),
        placement: Placement | None = None,
        section: Mapping[str, object] | None = None,
    ) -> None:
        self._plugin = plugin
        self._store = store
        self.config = dict(config or {})
        self._suites = tuple(suites)
        self._ways = tuple(ways)
        self._placement = placement
        self.section = dict(section or {})

    @property
    def plugin(self) -> Plugin:
        """The plugin.

        Raises:
            FailedPrecondition: it is unknown, or cannot be used.
        """
        if isinstance(self._plugin, str):
            plugins = discover()
            if self._plugin not in plugins.found:
                broken = [each.problem for each in plugins.broken if each.name == self._plugin]
                known = f"known are {', '.join(plugins.found)}"
                raise FailedPrecondition(f"unknown plugin {self._plugin!r}: {'; '.join(broken) or known}")
            self._plugin = plugins.found[self._plugin]
        return self._plugin

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.plugin.name

    def suites(self) -> list[Suite]:
        """The suites that apply: those of every plugin, and those of the abstractions that the manifest declares.

        Raises:
            FailedPrecondition: a suite or a way was asked for that is unknown.
        """
        if unknown := set(self._suites) - set(suites()):
            raise FailedPrecondition(f"unknown suite {', '.join(sorted(unknown))}; known are {', '.join(suites())}")
        if unknown := set(self._ways) - set(EVERY_WAY):
            raise FailedPrecondition(f"unknown way {', '.join(sorted(unknown))}; known are {', '.join(EVERY_WAY)}")
        declared = self.plugin.manifest.interfaces
        return [
            suite
            for name, suite in suites().items()
            if (not self._suites or name in self._suites) and suite.applicable(declared)
        ]

    @property
    def placement(self) -> Placement:
        """Where the plugin runs."""
        if self._placement:
            return self._placement
        # What stands there is for the gateway to judge.
        return cast("Placement", self.section["type"]) if "type" in self.section else self.plugin.manifest.placement

    def command(self) -> Sequence[str]:
        """What runs the plugin in a process of its own; empty where nothing does, or what is tested runs already."""
        if "endpoint" in self.section or "endpoints" in self.section:
            return ()
        # What stands there is for the gateway to judge.
        return cast("Sequence[str]", self.section.get("command") or self.plugin.command())

    def ways(self) -> list[str]:
        """The ways in that are tested."""
        return list(self._ways or (WAYS if self.placement == "in_process" else ("grpc",)))

    def store(self) -> TestBackend:
        """A store for it, not started.

        Raises:
            FailedPrecondition: neither the harness nor the manifest names one.
        """
        if self._store is not None:
            return self._store()
        reference = self.plugin.manifest.testing
        if not reference:
            raise FailedPrecondition(
                f"plugin {self.name!r} names no store to test on; set `testing` in its manifest to a class that "
                "implements prism.acceptance.TestBackend, give one to PluginAcceptanceHarness, or a file to --config "
                "(--no-config for a plugin that needs no options)"
            )
        module, _, name = reference.partition(":")
        made: TestBackend = getattr(importlib.import_module(module), name)()
        return made
