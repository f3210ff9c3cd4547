"""What a backend's KeyValue can do."""

from typing import Literal

from prism.interfaces.capabilities.base import Capabilities


class KeyValueCapabilities(Capabilities):
    """What a backend's KeyValue can do.

    Attributes:
        transactions: a Put stores all its items or none.
        compare_and_swap: `until_failover` where a failover of the store may lose a swap.
        scan: ordered scans and listings.
        ttl: items may expire.
        versions: items carry versions that compare-and-swap understands.
        idempotency: idempotency keys are remembered.
    """

    transactions: bool = False
    compare_and_swap: Literal["none", "linearizable", "until_failover"] = "none"
    scan: bool = False
    ttl: bool = False
    versions: bool = False
    idempotency: bool = False
