"""The mailbox listener: a relay as a container role. It is woken by the commit, and looks by itself now and then."""

import asyncio

from prism.client import Client
from prism.roles.container.broker import Broker
from prism.roles.container.moving import Faults, Role
from prism.roles.container.settings import Settings
from prism.roles.relay import Relay, Route


class Gateway(Broker):
    """The other side of a listener: its own gateway, which is looked at anyway."""

    async def start(self) -> None:
        """See Broker."""

    async def stop(self) -> None:
        """See Broker."""

    async def health(self) -> str:
        """See Broker."""
        return ""


class Listener(Role):
    """Hands the messages of a mailbox to a topic. Of any number of replicas one works at a time.

    Args:
        client: of a gateway that serves both.
        settings: of the role.
    """

    def __init__(self, client: Client, settings: Settings) -> None:
        self.faults = Faults()
        namespace, mailbox = settings.prism_namespace, settings.mailbox_id
        route = Route(
            namespace, mailbox, settings.prism_target_namespace or namespace, settings.prism_topic or mailbox,
            settings.prism_target_abstraction, wait=settings.mailbox_poll_interval, batch=settings.mailbox_batch_size,
        )  # fmt: skip
        self._relay = Relay(client, route)
        self._stopped = asyncio.Event()

    @property
    def moved(self) -> int:  # type: ignore[override]  # counted by the relay
        """See Role."""
        return self._relay.relayed

    @property
    def failed(self) -> int:  # type: ignore[override]
        """See Role: messages that the target has refused for good."""
        return self._relay.dead

    @property
    def wrong(self) -> str:
        """See Role."""
        return self._relay.wrong

    async def run(self) -> None:
        """See Role. What is in hand when it is stopped is sent again by the next one, under the same key."""
        relaying = asyncio.create_task(self._relay.run())
        stopping = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait((relaying, stopping), return_when=asyncio.FIRST_COMPLETED)
            if relaying.done():
                relaying.result()
        finally:
            for each in (relaying, stopping):
                each.cancel()
            await asyncio.gather(relaying, stopping, return_exceptions=True)

    def stop(self) -> None:
        """See Role."""
        self._stopped.set()
