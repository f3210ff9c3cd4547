"""An administrative action as it is recorded: who did what, and how it ended."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from prism.wire import Code, Metadata, Peer

OPERATOR_HEADER = "prism-operator"
"""Who an operator says that they are: `prism` sends `user@host`. It is not verified."""

_MAX_NAME = 100
_UNFIT = re.compile(r"[^\w.@+-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        principal: who it is by authentication; empty where authentication is disabled.
        claimed: who they say they are; empty where they do not. It is not verified.
        address: from where, with the uid where the kernel knows it.
    """

    principal: str
    claimed: str
    address: str

    @classmethod
    def of(cls, metadata: Metadata, peer: Peer, principal: str = "") -> "Actor":
        """Who sent a request."""
        claimed = _UNFIT.sub("_", str(metadata.get(OPERATOR_HEADER, ""))[:_MAX_NAME])
        address = f"{peer.address}uid={peer.credentials.uid}" if peer.credentials else peer.address
        return cls(principal, claimed, address)

    def __str__(self) -> str:
        return self.principal or self.claimed or f"someone at {self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One administrative action that has ended, be it refused.

    Attributes:
        operation: the full gRPC method; for a request that was refused before it named one, the HTTP path.
        reads: it only looked.
        namespace: which one it concerned; empty for none in particular. What was asked, not what there is.
        plugin: likewise.
        actor: who did it.
        code: how it ended.
        reason: `ErrorInfo.reason`, where it did not end well.
        message: why, where it did not end well.
        time: when it began, in seconds since 1970.
        seconds: how long it took.
    """

    operation: str
    reads: bool
    namespace: str
    plugin: str
    actor: Actor
    code: Code
    reason: str
    message: str
    time: float
    seconds: float


Listener = Callable[[Action], None]
"""Called with every action, on the event loop; must not wait, and must not raise."""
