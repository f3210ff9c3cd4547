"""Publishing to NATS: messages that wait together are confirmed together, in one round trip."""

from collections.abc import Sequence
from typing import NamedTuple

from nats import errors

from prism.backends.nats import headers as nats_headers
from prism.backends.nats.errors import not_allowed, too_large, translate
from prism.backends.nats.link import Link
from prism.backends.nats.session import NatsSession
from prism.errors import Outcome, PrismError
from prism.sdk import Bounds, Coalescer

_BOUNDS = Bounds(calls=1000, size=4 << 20, in_flight=2)


class Outgoing(NamedTuple):
    """A message as NATS gets it."""

    subject: str
    payload: bytes
    headers: dict[str, str]
    size: int


class Publisher:
    """Publishes over one link. A message counts as taken when the server has answered a PING sent behind it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lane: Coalescer[Outgoing, None] = Coalescer(self._send, bounds=_BOUNDS)

    async def publish(self, namespace: str, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """Returns when the server has taken the message; raises with its outcome."""
        size = len(payload) + nats_headers.size(headers)
        await self._lane.submit(namespace, Outgoing(subject, payload, headers, size), size=size)

    async def drain(self) -> None:
        """Waits for what is under way."""
        await self._lane.drain()

    async def _send(self, batch: Sequence[Outgoing]) -> Sequence[Exception | None]:
        session = self._link.session()
        try:
            return await session.do(_sent(session, batch))
        except (PrismError, errors.Error, OSError) as error:
            failure = translate(error, Outcome.UNKNOWN)
            failure.outcome = Outcome.UNKNOWN
            raise failure from error


async def _sent(session: NatsSession, batch: Sequence[Outgoing]) -> list[Exception | None]:
    """The error of each message; None where the server took it."""
    client, most = session.client, session.client.max_payload
    results: list[Exception | None] = []
    with session.denials() as denied:
        for message in batch:
            if message.size > most:
                # The driver counts the payload alone, and the server ends the connection of who sends more.
                results.append(too_large(message.size, most))
                continue
            await client.publish(message.subject, message.payload, headers=message.headers)
            results.append(None)
        await session.flush()
    if denied:
        for place, message in enumerate(batch):
            if results[place] is None and any(f'publish to "{message.subject.lower()}"' in each for each in denied):
                results[place] = not_allowed(f"publish to {message.subject!r}", Outcome.NOT_APPLIED)
    return results
