"""The stores that toy backends connect to, as a server would be: they outlive the backends and can be in trouble."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class ToyStore:
    """One store.

    Attributes:
        data: by namespace and id.
        down: why connecting fails; empty while it works.
        sick: why it is unhealthy.
        password: what it wants of a backend; empty for anything.
        refused: namespaces that cannot be attached.
        unanswerable: it does not say whether it holds data.
        running: backends that are connected.
        started: how many have connected so far.
        attached: how often each namespace was attached.
        gate: holds up every put and every start until it is set.
        hangs: backends never finish to stop.
        stuck: namespaces that are prepared without end, until `unstuck` is set.
    """

    data: dict[tuple[str, str], dict[bytes, bytes]] = field(default_factory=dict)
    down: str = ""
    sick: str = ""
    password: str = ""
    refused: set[str] = field(default_factory=set)
    unanswerable: bool = False
    running: int = 0
    started: int = 0
    attached: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    gate: asyncio.Event | None = None
    hangs: bool = False
    stuck: set[str] = field(default_factory=set)
    unstuck: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_gate(self) -> None:
        """Waits while the gate is shut."""
        if self.gate is not None:
            await self.gate.wait()


STORES: dict[str, ToyStore] = defaultdict(ToyStore)
