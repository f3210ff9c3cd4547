"""A workload: what the suites that are about every abstraction need to know of one.

How one thing is written, read back and listed, and what is lost or doubled. Workloads are shipped as modules of
`prism.acceptance.workloads` and found by looking there: a new abstraction adds one, and edits no list.
"""

import functools
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Protocol, Self

from google.protobuf.message import Message

from prism.acceptance.callers.caller import Caller
from prism.acceptance.dsl import Dsl
from prism.acceptance.write_ledger import WriteLedger
from prism.plugins.discovery import Plugin

WORKLOADS = "prism.acceptance.workloads"
"""Imported when first needed: pytest must have been told before that it is to rewrite the assertions there."""

CALL_TIMEOUT = 2.0
"""Seconds that a write has while a store is broken."""

Asked = Message | AsyncIterable[Message]
"""What an operation is asked with; a stream must begin anew each time that it is gone through."""

Request = tuple[str, Asked]
"""An operation, by the name that its .proto gives it, and what it is asked with."""


class Witness(Protocol):
    """Sees what becomes of numbers that are written while a store is broken and mended."""

    async def settle(self) -> None:
        """Returns when all that was acknowledged has had its time to be seen."""
        ...

    def faults(self) -> list[str]:
        """What docs/contract.md does not allow, in words: lost, doubled, there though it was not applied."""
        ...

    def warned(self) -> bool:
        """Whether it was warned that something may be missing; True of what can be looked for."""
        ...

    def measurements(self) -> Mapping[str, float]:
        """What became of them, for the report; nothing is asserted on it."""
        ...


class Workload(ABC):
    """One abstraction, in a namespace of a test's own. What is written is a number under a name of its own.

    Attributes:
        LANGUAGE: the abstraction's own small language.
        WRITE: the operation that `write` calls.
        CALLERS: how many write at the same time while a store is broken.
        INVALID: requests that break a rule, and the field that each is about; one of a write at least.
        dsl: the namespace, for calls of every kind.
    """

    LANGUAGE: ClassVar[type[Dsl]]
    WRITE: ClassVar[str]
    CALLERS: ClassVar[int] = 16
    INVALID: ClassVar[Sequence[tuple[str, Asked, str]]]

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        self.dsl: Dsl = self.LANGUAGE(caller, namespace)

    def elsewhere(self) -> Self:
        """The same store in another namespace."""
        return type(self)(self.dsl.caller)

    @staticmethod
    @abstractmethod
    def requests(capability: str) -> Sequence[Request]:
        """What asks for a capability, about the name of number 1; none where the abstraction does not know it."""

    @abstractmethod
    def write_request(self, number: int, value: int | None = None) -> Asked:
        """What writes a number, or another value, under the name of the number."""

    async def write(
        self, number: int, value: int | None = None, *, via: int | None = None, timeout: float = CALL_TIMEOUT
    ) -> None:
        """Writes a number, or another value, under the name of the number; raises what the gateway answers."""
        await self.dsl.call(self.WRITE, self.write_request(number, value), via=via, timeout=timeout)

    @abstractmethod
    async def touch(self) -> None:
        """Asks the store something without changing it; raises what the gateway answers."""

    @abstractmethod
    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """What sees the fate of the numbers in the ledger, in place when the block begins."""


class StoringWorkload(Workload):
    """An abstraction that keeps what it is given under a name.

    Attributes:
        READ: the operation that `read` calls.
    """

    READ: ClassVar[str]

    @property
    @abstractmethod
    def durable(self) -> bool:
        """Whether what is acknowledged outlives a crash of the process that holds the store."""

    @abstractmethod
    def changes(self, number: int) -> Sequence[Request]:
        """Writes that would change what is there under the name of a number."""

    @abstractmethod
    def read_request(self, number: int) -> Message:
        """What `read` asks."""

    @abstractmethod
    async def read(self, number: int, *, via: int | None = None) -> int | None:
        """What is there under the name of a number; raises what the gateway answers."""

    @abstractmethod
    async def found(self, numbers: set[int]) -> set[int]:
        """Which of the numbers are there, as they were written."""

    async def touch(self) -> None:
        """Reads."""
        await self.read(1)


@functools.cache
def workloads() -> Mapping[str, type[Workload]]:
    """Every workload there is, by the name of its abstraction, which is its module's."""
    package = importlib.import_module(WORKLOADS)
    names = sorted(each.name for each in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{WORKLOADS}.{name}").WORKLOAD for name in names}


def workload_of(interface: str, caller: Caller, namespace: str | None = None) -> Workload:
    """The workload of an abstraction in the namespace named, or in a fresh one."""
    return workloads()[interface](caller, namespace)


def served_by(plugin: Plugin) -> list[str]:
    """The abstractions of a plugin that have a workload."""
    return [name for name in workloads() if name in plugin.manifest.interfaces]
