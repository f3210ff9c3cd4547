"""Requests over one session: one subscription has all answers, and each request waits for its own alone.

The driver's own requests say nothing of a permission that is missing until their time is over, nor of a connection that
is lost meanwhile.
"""

import asyncio
from collections.abc import Mapping, Sequence

from nats import errors
from nats.aio.msg import Msg

from prism.backends.nats.errors import not_allowed
from prism.backends.nats.jetstream.refusals import JetStreamMissingError
from prism.backends.nats.session import NatsSession, broke
from prism.errors import BackendCredentials, Outcome, PrismError

_Unsent = tuple[str, str, bytes, dict[str, str] | None]
"""Token, subject, payload and headers of a request."""


class Requests:
    """The requests of one session.

    Args:
        session: an open one.
    """

    def __init__(self, session: NatsSession) -> None:
        self._session = session
        self._inbox = session.client.new_inbox()
        self._waiting: dict[str, asyncio.Future[Msg]] = {}
        self._subjects: dict[str, str] = {}
        self._number = 0
        self._deaf = False
        self._unsent: list[_Unsent] = []
        self._sending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Hears answers from now on."""
        client = self._session.client
        await self._session.do(
            client.subscribe(
                f"{self._inbox}.*", cb=self._answered, pending_msgs_limit=1 << 20, pending_bytes_limit=1 << 30
            )
        )
        self._session.on_denied.append(self._denied)
        self._session.lost.add_done_callback(self._lost)

    async def ask(self, subject: str, payload: bytes, headers: Mapping[str, str] | None, timeout: float) -> Msg:
        """The answer.

        Raises:
            JetStreamMissingError: nothing listens to the subject.
            PrismError: the permission is missing, or the connection was lost.
            TimeoutError: there was none in time.
        """
        if self._deaf:
            raise _deaf()
        self._number += 1
        token = str(self._number)
        waiting: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token], self._subjects[token] = waiting, subject
        self._unsent.append((token, subject, payload, dict(headers) if headers else None))
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())
        try:
            async with asyncio.timeout(timeout):
                answer = await waiting
        finally:
            del self._waiting[token], self._subjects[token]
        if answer.headers and answer.headers.get("Status") == "503":
            raise JetStreamMissingError(subject)
        return answer

    async def _send(self) -> None:
        """Sends all that this turn of the loop asks, in its order."""
        try:
            while self._unsent:
                batch, self._unsent = self._unsent, []
                await self._session.do(self._sent(batch))
        except PrismError as error:
            self._fail(batch, error)
        finally:
            self._sending = None

    async def _sent(self, batch: Sequence[_Unsent]) -> None:
        client = self._session.client
        for number, (token, subject, payload, headers) in enumerate(batch):
            try:
                await client.publish(subject, payload, reply=f"{self._inbox}.{token}", headers=headers)
            except (errors.Error, OSError) as error:
                self._fail(batch[number:], error)
                return

    def _fail(self, unsent: Sequence[_Unsent], error: Exception) -> None:
        for token, *_ in unsent:
            waiting = self._waiting.get(token)
            if waiting is not None and not waiting.done():
                waiting.set_exception(error.clone() if isinstance(error, PrismError) else error)

    async def _answered(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def _denied(self, text: str) -> None:
        if f'subscription to "{self._inbox.lower()}' in text:
            self._deaf = True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(_deaf())
        for token, subject in self._subjects.items():
            waiting = self._waiting[token]
            if f'publish to "{subject.lower()}"' in text and not waiting.done():
                waiting.set_exception(not_allowed(f"publish to {subject!r}", Outcome.NOT_APPLIED))

    def _lost(self, _: object) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(broke())


def _deaf() -> BackendCredentials:
    return not_allowed("subscribe to _INBOX.>, where JetStream answers", Outcome.NOT_APPLIED)
