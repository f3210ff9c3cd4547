"""The gateways under test: for each subject as many real processes as it allows, kept until its tests are done."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prism.acceptance.run.gateway_process import GatewayProcess


class Fleet:
    """Starts gateways with one configuration when they are first asked for.

    Attributes:
        processes: those that run.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self.processes: list[GatewayProcess] = []

    async def addresses(self, configuration: Callable[[], dict[str, Any]], gateways: int) -> list[str]:
        """The addresses of that many gateways with that configuration."""
        if not self.processes:
            config = configuration()
            for _ in range(gateways):
                process = GatewayProcess(config, self._folder())
                await asyncio.to_thread(process.start)
                self.processes.append(process)
                await asyncio.to_thread(process.wait_until_served, config["namespaces"][-1]["name"])
        return [each.data for each in self.processes]

    async def stop(self) -> None:
        """Ends them all."""
        while self.processes:
            await asyncio.to_thread(self.processes.pop().stop)
