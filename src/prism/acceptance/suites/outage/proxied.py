"""An abstraction of a backend in this process, and a proxy between it and the store."""

from prism.acceptance.breakable import Trouble, recovered, write_through
from prism.acceptance.store.proxy import Proxy
from prism.acceptance.workload import Workload
from prism.acceptance.write_ledger import WriteLedger


class Proxied:
    """What stands on both sides of the proxy.

    Attributes:
        proxy: between the plugin and its store.
        workload: the abstraction.
    """

    def __init__(self, proxy: Proxy, workload: Workload) -> None:
        self.proxy = proxy
        self.workload = workload

    async def recovered(self) -> None:
        """Waits until a write succeeds, without anybody's help."""
        await recovered(self.workload)

    async def faults_through(self, trouble: Trouble) -> tuple[WriteLedger, list[str]]:
        """How writes ended that were made while `trouble` came and went, and what docs/contract.md does not allow."""
        ledger = WriteLedger()
        async with self.workload.witness(ledger) as witness:
            await write_through(trouble, [(self.workload, ledger)])
            await self.recovered()
            await witness.settle()
            return ledger, [*ledger.dishonest, *witness.faults()]
