"""A suite: tests of one matter, shipped as a package under `prism.acceptance.suites` and found by looking there.

A suite's package holds `suite.py` with its `SUITE`, modules `test_*.py`, and `fixtures.py` with what they ask for.
Adding one touches nothing else.
"""

import functools
import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from google.protobuf.message import Message

from prism.acceptance.workload import workloads
from prism.client import Client
from prism.interfaces.operation import Operation

SUITES = "prism.acceptance.suites"
"""Imported when first needed: pytest must have been told before that it is to rewrite the assertions there."""


class Translation(Protocol):
    """Says with the methods of `prism.client` what an abstraction's requests ask for.

    What an application cannot say with them is an AssertionError: such a test is not about that way in.
    """

    async def call(
        self, client: Client, namespace: str | None, operation: Operation, request: Message, timeout: float
    ) -> Any:
        """Runs a unary operation."""
        ...

    def stream(
        self,
        client: Client,
        namespace: str | None,
        operation: Operation,
        request: Message,
        timeout: float,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """Runs an operation that answers with a stream; see `Caller.stream`."""
        ...


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite.

    A module of a suite about several abstractions has a constant `APPLIES_TO`, the kind of workload that its tests
    need: it is run once for each abstraction of that kind. A module without it is run once.

    Attributes:
        name: the package's name, which a command names it by.
        title: as the summary shows it.
        interface: the abstraction that a plugin must serve for it to apply; empty for every plugin.
        client: how its abstraction is said with `prism.client`.
    """

    name: str
    title: str
    interface: str = ""
    client: Translation | None = None

    @property
    def package(self) -> str:
        """The full name of its package."""
        return f"{SUITES}.{self.name}"

    def modules(self) -> list[str]:
        """The full names of its test modules, in the order of the alphabet."""
        package = importlib.import_module(self.package)
        names = [each.name for each in pkgutil.iter_modules(package.__path__)]
        return [f"{self.package}.{name}" for name in sorted(names) if name.startswith("test_")]

    def applicable(self, interfaces: Collection[str]) -> list[tuple[str, str]]:
        """The test modules that apply to a plugin which serves those abstractions.

        Each by its full name, with the abstraction that it is about; empty for every plugin.
        """
        return [(module, about) for module in self.modules() for about in self._about(module, interfaces)]

    def _about(self, module: str, interfaces: Collection[str]) -> list[str]:
        if self.interface:
            return [self.interface] if self.interface in interfaces else []
        kind = getattr(importlib.import_module(module), "APPLIES_TO", None)
        if kind is None:
            return [""]
        return [name for name, workload in workloads().items() if name in interfaces and kind in workload.__mro__]

    def fixtures(self) -> ModuleType:
        """The module of its own fixtures."""
        return importlib.import_module(f"{self.package}.fixtures")


@functools.cache
def suites() -> Mapping[str, Suite]:
    """Every suite there is, by name."""
    package = importlib.import_module(SUITES)
    names = sorted(each.name for each in pkgutil.iter_modules(package.__path__) if each.ispkg)
    loaded = [importlib.import_module(f"{SUITES}.{name}.suite").SUITE for name in names]
    return {suite.name: suite for suite in loaded}
