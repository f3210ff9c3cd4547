"""NATS as a broker of roles: JetStream confirms what is sent, and keeps what has not been taken."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import ValidationError

from prism.backends.nats import headers as nats_headers
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.jetstream.api import JetStream, settled
from prism.backends.nats.jetstream.pulls import ConsumerGoneError, Pulls
from prism.backends.nats.jetstream.refusals import CONSUMER_EXISTS, STREAM_MISSING, ApiError, JetStreamMissingError
from prism.backends.nats.link import Link
from prism.backends.nats.queue.incoming import Incoming, incoming
from prism.backends.nats.servers import Servers
from prism.client import QueueMessage
from prism.errors import BackendUnavailable, FailedPrecondition, Outcome
from prism.roles.container.broker import Sink, Source, Taken
from prism.roles.container.settings import Settings, wrong
from prism.sdk.driver_errors import LATER

_WAIT: Final = 2.0
"""Seconds that a pull waits for a message."""
_SECRETS: Final = ("username", "password", "token", "nkey", "creds")


class _Nats:
    """A connection to NATS."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        try:
            config, credentials = _login(settings)
        except ValidationError as error:  # it would show the password
            raise wrong(error, {"servers": "nats_url"} | {name: f"nats_{name}" for name in _SECRETS}) from None
        self._link = Link(config, credentials, Servers(config.servers), "messages")
        self._jetstream = JetStream(self._link, config.answer_timeout)

    async def start(self) -> None:
        """See Broker."""
        await self._link.start()

    async def stop(self) -> None:
        """See Broker."""
        await self._link.stop()

    async def health(self) -> str:
        """See Broker."""
        return await self._link.probe()


def _login(settings: Settings) -> tuple[NatsConfig, NatsCredentials]:
    servers = tuple(each.strip() for each in settings.nats_url.split(","))
    config = NatsConfig(servers=servers, name=f"prism-{settings.prism_plugin_role}")
    try:
        creds = settings.nats_creds.read_text() if settings.nats_creds else None
    except OSError as error:
        raise FailedPrecondition(f"NATS_CREDS: {settings.nats_creds} cannot be read: {error.strerror}") from error
    given = {name: getattr(settings, f"nats_{name}") for name in _SECRETS} | {"creds": creds}
    return config, NatsCredentials.model_validate(given)


class NatsSink(_Nats, Sink):
    """Sends to a subject, which a stream must have."""

    async def send(self, message: QueueMessage) -> None:
        """See Sink. JetStream knows a message by its id, for as long as its stream's `duplicate_window`."""
        subject = self._settings.nats_subject
        headers = nats_headers.write(message.id, time.time_ns() // 1000, message.attributes)
        headers["Nats-Msg-Id"] = message.id
        try:
            await settled(lambda: self._jetstream.publish(subject, message.payload, headers))
        except BackendUnavailable as error:
            if isinstance(error.__cause__, JetStreamMissingError):
                text = f"no stream takes {subject}: make one, or check that most servers of the cluster run"
                raise BackendUnavailable(text, outcome=Outcome.NOT_APPLIED, retry_after=LATER) from error
            raise


class NatsSource(_Nats, Source):
    """Takes from a stream by a durable consumer, which is made where there is none."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._pulls = Pulls(self._jetstream)
        self._made = False

    async def _make(self) -> None:
        settings = self._settings
        wanted = {
            "durable_name": settings.nats_queue_group,
            "ack_policy": "explicit",
            "ack_wait": int(settings.nats_ack_wait * 1e9),
            "max_ack_pending": 10_000,
            "filter_subject": settings.nats_subject,
        }
        subject = f"CONSUMER.CREATE.{settings.nats_stream}.{settings.nats_queue_group}"
        try:
            await self._jetstream.ask(
                subject, {"stream_name": settings.nats_stream, "config": wanted, "action": "create"}
            )
        except ApiError as error:
            if error.number == STREAM_MISSING:
                raise FailedPrecondition(f"NATS has no stream {settings.nats_stream!r}: make it") from error
            if error.number not in CONSUMER_EXISTS:
                raise
        self._made = True

    async def take(self, limit: int, stop: asyncio.Event) -> Sequence[Taken]:
        """See Source."""
        stream, consumer = self._settings.nats_stream, self._settings.nats_queue_group
        if not self._made:
            await settled(self._make)
        try:
            pull = await self._pulls.pull(stream, consumer, limit, at_once=True)
            if not pull.messages and not stop.is_set():  # a pull that waits for many holds back the first
                pull = await self._pulls.pull(stream, consumer, 1, wait=_WAIT, stop=stop)
        except ConsumerGoneError as error:
            self._made = False
            raise BackendUnavailable("the durable consumer was removed; making it anew", retry_after=LATER) from error
        return [self._taken(incoming(each)) for each in pull.messages]

    def _taken(self, came: Incoming) -> Taken:
        stored = came.stored
        ours = nats_headers.OURS in stored.headers
        attributes = nats_headers.attributes(stored.headers) if ours else _foreign(stored.headers)
        key = f"{self._settings.nats_stream}-{stored.seq}-{stored.stored_at}"
        return Taken(stored.subject, stored.payload, attributes, key, came)

    def _subject(self, taken: Taken) -> str:
        came = taken.receipt
        assert isinstance(came, Incoming)  # noqa: S101  # a defect, not an input
        place = f"{came.delivery}.{came.stored.seq}.{came.place}.0.0"
        return f"$JS.ACK.{self._settings.nats_stream}.{self._settings.nats_queue_group}.{place}"

    async def settle(self, taken: Sequence[Taken]) -> None:
        """See Source."""
        await self._jetstream.confirm([(self._subject(each), b"+ACK") for each in taken])

    async def give_back(self, taken: Sequence[Taken], delay: float = 0.0) -> None:
        """See Source."""
        word = b'-NAK {"delay": %d}' % int(delay * 1e9) if delay else b"-NAK"
        await self._jetstream.confirm([(self._subject(each), word) for each in taken])


def _foreign(headers: Mapping[str, str]) -> dict[str, str]:
    return {f"h.{name}": value for name, value in nats_headers.foreign(headers).items()}
