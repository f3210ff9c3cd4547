"""One outage of a store while callers use every abstraction on it, and what each abstraction made of it.

An outage takes seconds, and a store has it for all that is on it: so it is made once, and each abstraction's test looks
at its own part.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prism.acceptance.breakable import recovered, write_through
from prism.acceptance.run.environment import Environment
from prism.acceptance.store.backend import Disconnectable, Killable, Pausable
from prism.acceptance.workload import Workload, served_by, workload_of
from prism.acceptance.write_ledger import WriteLedger

FROZEN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one abstraction's writes.

    Attributes:
        failed: how many failed.
        warned: what sees the writes was warned, where it cannot look for what is missing.
        faults: what docs/contract.md does not allow, in words.
        measurements: counts for the report.
    """

    failed: int
    warned: bool
    faults: list[str]
    measurements: Mapping[str, float]


async def killed_twice(environment: Environment, workloads: list[Workload]) -> None:
    """The store is killed and comes back, twice."""
    assert isinstance(environment.store, Killable)
    for _ in range(2):
        await environment.store.kill()
        await asyncio.sleep(0.2)  # callers meet a store that is not there
        await environment.store.start()
        await asyncio.gather(*map(recovered, workloads))


async def frozen(environment: Environment, workloads: list[Workload]) -> None:
    """The store stands still for some seconds."""
    assert isinstance(environment.store, Pausable)
    await environment.store.pause()
    try:
        await asyncio.sleep(FROZEN_SECONDS)
    finally:
        await environment.store.resume()


async def cut_off(environment: Environment, workloads: list[Workload]) -> None:
    """Every connection is ended in the midst of what it does, again and again."""
    assert isinstance(environment.store, Disconnectable)
    for _ in range(10):
        await environment.store.disconnect()
        await asyncio.sleep(0.05)  # so that some work is under way again


Trouble = Callable[[Environment, list[Workload]], Awaitable[None]]


async def through(environment: Environment, trouble: Trouble) -> Mapping[str, Outcome | BaseException]:
    """Breaks the store once while every abstraction's callers write; what came of it, by abstraction."""
    async with AsyncExitStack() as stack:
        workloads = {
            name: workload_of(name, await stack.enter_async_context(environment.open("grpc", name)))
            for name in served_by(environment.harness.plugin)
        }
        ledgers = {name: WriteLedger() for name in workloads}
        witnesses = {
            name: await stack.enter_async_context(workload.witness(ledgers[name]))
            for name, workload in workloads.items()
        }
        everything = list(workloads.values())
        parts = [(workload, ledgers[name]) for name, workload in workloads.items()]
        await write_through(lambda: trouble(environment, everything), parts)

        async def outcome(name: str) -> Outcome:
            ledger, witness = ledgers[name], witnesses[name]
            await recovered(workloads[name])
            await witness.settle()
            faults = [*ledger.dishonest, *witness.faults()]
            return Outcome(ledger.failed, witness.warned(), faults, {**ledger.measurements(), **witness.measurements()})

        found = await asyncio.gather(*map(outcome, workloads), return_exceptions=True)
        return dict(zip(workloads, found, strict=True))
