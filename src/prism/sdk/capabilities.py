"""What a backend can do, as its manifest declares it: one question that answers, or raises with what is needed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prism.errors import Unimplemented


class Capabilities(BaseModel):
    """The capabilities of docs/contract.md. The defaults promise nothing.

    Attributes:
        durability: what an acknowledged write has reached: no disk, the store, or the store's disk, synced.
        reload: two instances may serve the same store at once (`overlap`), or the old one must stop first.
        transactions: a Put stores all its items or none.
        compare_and_swap: `until_failover` where a failover of the store may lose a swap.
        scan: ordered scans and listings.
        ttl: items may expire.
        versions: items carry versions that compare-and-swap understands.
        idempotency: idempotency keys are remembered.
        read_your_writes: an acknowledged write is seen by every later read, through any gateway.
        ordering: messages of one key keep their order.
        queue_groups: subscribers may share a subscription.
        persistent: messages survive without a subscriber.
        max_item_size: most bytes in one value.
        max_batch_items: most elements in one request.
        max_payload: most bytes in one request, and in one answer to a read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    durability: Literal["none", "store", "synced"] = "none"
    reload: Literal["overlap", "handover"] = "handover"
    transactions: bool = False
    compare_and_swap: Literal["none", "linearizable", "until_failover"] = "none"
    scan: bool = False
    ttl: bool = False
    versions: bool = False
    idempotency: bool = False
    read_your_writes: bool = True
    ordering: bool = False
    queue_groups: bool = False
    persistent: bool = False
    max_item_size: int = Field(default=1 << 20, gt=0)
    max_batch_items: int = Field(default=1000, gt=0)
    max_payload: int = Field(default=4 << 20, gt=0)

    def declares(self, name: str) -> bool:
        """Whether the capability `name` is there, in whatever degree."""
        return getattr(self, name) not in (False, "none")

    def require(self, name: str, what: str) -> None:
        """Passes where the capability is declared.

        Raises:
            Unimplemented: it is not; `what` is what would have needed it.
        """
        if not self.declares(name):
            raise Unimplemented(
                f"{what} needs the capability {name!r}, which this backend does not declare", capability=name
            )
