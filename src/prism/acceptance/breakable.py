"""A store that a test breaks and mends, and one abstraction on it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from prism.acceptance.run.environment import Environment
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.polling import eventually
from prism.acceptance.workload import Workload
from prism.acceptance.write_ledger import RECOVERY_TIMEOUT, WriteLedger
from prism.errors import PrismError

_NOT_TOLD = "a store that is back is found by calls, and nothing else tells when they succeed again"

Trouble = Callable[[], Awaitable[None]]
"""What happens to a store, from beginning to end."""


class Breakable:
    """A store that may be broken.

    Attributes:
        environment: its store and gateways.
        workload: the abstraction on it.
    """

    def __init__(self, environment: Environment, workload: Workload) -> None:
        self.environment = environment
        self.workload = workload

    def needs(self, method: str) -> None:
        """Skips where the store has no such method, for the reason that it gives."""
        needs(self.environment, method)

    async def recovered(self) -> None:
        """Waits until a write succeeds at every gateway, without anybody's help."""
        await recovered(self.workload)


def needs(environment: Environment, method: str) -> None:
    """Skips where the store has no such method, for the reason that it gives."""
    if reason := environment.store.lacks.get(method):
        not_applicable(reason)
    if not hasattr(environment.store, method):
        not_applicable(f"the store's test backend has no method {method}")


async def recovered(workload: Workload) -> None:
    """Waits until a write succeeds at every gateway, without anybody's help."""
    for via in range(workload.dsl.caller.gateways):
        await eventually(lambda via=via: _succeeds(workload, via), _NOT_TOLD, timeout=RECOVERY_TIMEOUT)  # type: ignore[misc]  # bound at once


async def _succeeds(workload: Workload, via: int) -> bool:
    try:
        await workload.write(0, via=via)
    except PrismError:
        return False
    return True


async def write_through(trouble: Trouble, parts: Sequence[tuple[Workload, WriteLedger]]) -> None:
    """Every workload's callers write number after number while `trouble` comes and goes; ends when all goes on."""
    done = asyncio.Event()

    async def call(workload: Workload, ledger: WriteLedger) -> None:
        while not done.is_set():
            if not await ledger.attempt(workload.write):
                await asyncio.sleep(0.01)  # a refusal at once is no reason to ask at once again

    calling = [
        asyncio.create_task(call(workload, ledger)) for workload, ledger in parts for _ in range(workload.CALLERS)
    ]
    try:
        await asyncio.gather(*(ledger.more(100) for _, ledger in parts))
        await trouble()
        await asyncio.gather(*(ledger.more(100) for _, ledger in parts))
    finally:
        done.set()
        await asyncio.gather(*calling)
