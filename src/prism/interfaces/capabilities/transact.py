"""What a backend's Transact can do."""

from pydantic import Field

from prism.interfaces.capabilities.base import Capabilities


class TransactCapabilities(Capabilities):
    """What a backend's Transact can do. Times are in seconds.

    Attributes:
        interactive: a transaction may last as long as a stream, with reads between its writes.
        max_shards: most shards of a mailbox.
        idempotency_window: how long idempotency keys are remembered; 0 for none.
    """

    interactive: bool = False
    max_shards: int = Field(default=1, ge=1, le=1024)
    idempotency_window: int = Field(default=0, ge=0)
