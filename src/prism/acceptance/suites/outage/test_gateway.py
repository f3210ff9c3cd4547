"""The process that holds the store is killed: what it acknowledged survives, within what is declared."""

import asyncio
from contextlib import AsyncExitStack

from prism.acceptance.breakable import recovered
from prism.acceptance.callers.caller import TIMEOUT
from prism.acceptance.run.environment import Environment
from prism.acceptance.skips import NO_WORKLOAD, not_applicable
from prism.acceptance.workload import StoringWorkload, Workload, served_by, workload_of

WRITES = set(range(1, 101))


async def test_the_process_that_holds_the_store_is_killed(breakable_environment: Environment) -> None:
    """CONTRACT, durability: what is acknowledged survives a crash of the gateway, within what is declared."""
    environment = breakable_environment
    if environment.harness.placement != "in_process":
        not_applicable("the plugin runs in a process of its own, which tests of the supervisor kill")
    async with AsyncExitStack() as stack:
        before = await _opened(environment, stack, {})
        if not before:
            not_applicable(NO_WORKLOAD)
        await asyncio.gather(*(each.write(number, timeout=TIMEOUT) for each in before.values() for number in WRITES))
    (*_, gateway) = environment.gateways
    await asyncio.to_thread(gateway.kill)
    await asyncio.to_thread(gateway.start)
    namespaces = {name: each.dsl.namespace for name, each in before.items()}
    for namespace in namespaces.values():
        await asyncio.to_thread(gateway.wait_until_served, namespace)
    async with AsyncExitStack() as stack:
        for each in (await _opened(environment, stack, namespaces)).values():
            await recovered(each)
            if isinstance(each, StoringWorkload) and each.durable:
                assert await each.found(WRITES) == WRITES


async def _opened(environment: Environment, stack: AsyncExitStack, namespaces: dict[str, str]) -> dict[str, Workload]:
    """Every abstraction of the plugin, in the namespaces named or in fresh ones."""
    return {
        name: workload_of(name, await stack.enter_async_context(environment.open("grpc", name)), namespaces.get(name))
        for name in served_by(environment.harness.plugin)
    }
