"""The relays of one gateway, as its configuration has them: each a client of its own, restarted where it ends."""

import asyncio
import logging
from collections.abc import Iterator, Sequence

from prism.client import Client
from prism.config.sections.relay import RelaySection
from prism.roles.relay import Relay, Route
from prism.wire.tls import client_context

log = logging.getLogger(__name__)

_AGAIN = 1.0
"""Seconds after which a relay that has failed is started again."""


class Relays:
    """The relays.

    Args:
        address: of the gateway's data port, for those that name no other.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._running: dict[RelaySection, tuple[asyncio.Task[None], Relay | None]] = {}

    def configure(self, sections: Sequence[RelaySection]) -> None:
        """Starts those that are new and ends those that are no longer there; the others go on."""
        for section in [each for each in self._running if each not in sections]:
            self._running.pop(section)[0].cancel()
        for section in sections:
            if section not in self._running:
                task = asyncio.create_task(self._run(section), name=f"relay-{section.mailbox}")
                self._running[section] = (task, None)

    async def _run(self, section: RelaySection) -> None:
        namespace, _, mailbox = section.mailbox.partition("/")
        to, _, topic = section.to.partition("/")
        route = Route(
            namespace, mailbox, to, topic, section.abstraction, section.reader, section.on_refused, section.lease
        )
        token = section.token.get_secret_value() if section.token is not None else None
        while True:
            try:
                tls = client_context(section.ca) if section.ca is not None else None
                async with Client(section.endpoint or self._address, token=token, tls=tls) as client:
                    relay = Relay(client, route)
                    self._running[section] = (self._running[section][0], relay)
                    await relay.run()
            except (OSError, ValueError) as error:
                log.error("the relay of %s cannot start: %s; correct its `ca` or `endpoint`", route, error)  # noqa: TRY400
            except Exception:
                log.exception("the relay of %s has failed by a defect, and is started again; report this", route)
            await asyncio.sleep(_AGAIN)

    def metrics(self) -> Iterator[tuple[RelaySection, Relay]]:
        """Those that run."""
        for section, (_, relay) in self._running.items():
            if relay is not None:
                yield section, relay

    async def stop(self) -> None:
        """Ends them; each gives its reader back."""
        tasks = [task for task, _ in self._running.values()]
        self._running.clear()
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
