"""Requests to JetStream over one link: its API, publishes that it confirms, and acknowledgements that it confirms."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from nats import errors
from nats.aio.msg import Msg

from prism.backends.nats.errors import too_large, translate
from prism.backends.nats.headers import size
from prism.backends.nats.jetstream.refusals import (
    ApiError,
    JetStreamMissingError,
    jetstream_off,
    no_leader,
    refused,
    too_old,
)
from prism.backends.nats.jetstream.requests import Requests
from prism.backends.nats.jetstream.single_flight import SingleFlight
from prism.backends.nats.link import Link
from prism.backends.nats.session import NatsSession
from prism.errors import BackendUnavailable, Outcome
from prism.sdk.driver_errors import LATER

API: Final = "$JS.API."
OLDEST: Final = (2, 12)
"""The first version with schedules and atomic batches."""


class JetStream:
    """JetStream of one account.

    Args:
        link: the connection.
        timeout: seconds in which JetStream must answer.
    """

    def __init__(self, link: Link, timeout: float) -> None:
        self._link = link
        self._timeout = timeout
        self._opening: SingleFlight[None] = SingleFlight()
        self._used: NatsSession | None = None
        self._requests: Requests

    @property
    def connected(self) -> NatsSession:
        """The connection's session, whatever the server is.

        Raises:
            PrismError: there is none; nothing was sent.
        """
        return self._link.session()

    async def session(self) -> NatsSession:
        """The connection's session, for requests.

        Raises:
            PrismError: there is none, or the server is too old; nothing was sent.
        """
        session = self._link.session()
        if session is not self._used:
            await self._opening.do(session, lambda: self._begin(session))
        return session

    async def _begin(self, session: NatsSession) -> None:
        version = session.client.connected_server_version
        if (version.major, version.minor) < OLDEST:
            raise too_old(f"{version.major}.{version.minor}.{version.patch}")
        requests = Requests(session)
        try:
            await requests.start()
        except (errors.Error, OSError) as error:
            raise translate(error, Outcome.NOT_APPLIED) from error
        self._requests, self._used = requests, session

    async def ask(self, subject: str, request: Mapping[str, Any] | None = None, *, reads: bool = False) -> Any:
        """The answer of the API, as JSON.

        Raises:
            ApiError: JetStream refuses.
            PrismError: it does not answer.
        """
        body = json.dumps(request).encode() if request else b""
        try:
            message = await self.request(API + subject, body, writes=not reads)
        except JetStreamMissingError as error:
            raise jetstream_off() from error
        return _answer(message)

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """Publishes a message; what JetStream confirms.

        Raises:
            JetStreamMissingError: no stream takes it.
            ApiError: JetStream refuses it.
            PrismError: whether it has taken it is not known, or the connection is gone.
        """
        session = await self.session()
        length = len(payload) + size(headers)
        if length > session.client.max_payload:
            raise too_large(length, session.client.max_payload)
        found: Mapping[str, Any] = _answer(await self._requested(subject, payload, headers, writes=True))
        return found

    async def request(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None, *, writes: bool = True
    ) -> Msg:
        """The answer to a message.

        Raises:
            JetStreamMissingError: nothing listens to the subject.
            PrismError: there is no answer.
        """
        await self.session()
        return await self._requested(subject, payload, headers, writes=writes)

    async def _requested(self, subject: str, payload: bytes, headers: Mapping[str, str] | None, *, writes: bool) -> Msg:
        outcome = Outcome.UNKNOWN if writes else None
        try:
            return await self._requests.ask(subject, payload, headers, self._timeout)
        except TimeoutError as error:
            raise BackendUnavailable(
                f"JetStream has not answered for {self._timeout:g} s: check that most of its servers run",
                outcome=outcome,
                retry_after=LATER,
            ) from error
        except (errors.Error, OSError) as error:
            failure = translate(error, outcome)
            failure.outcome = outcome
            raise failure from error
        except BackendUnavailable as error:
            error.outcome = outcome
            raise

    async def confirm(self, acknowledgements: Sequence[tuple[str, bytes]]) -> list[bool]:
        """Sends acknowledgements, subject and word of each; whether JetStream knows what each is of.

        Raises:
            PrismError: some are not confirmed; all have been sent, or their time is over.
        """

        if len(acknowledgements) == 1:
            return [await self._confirmed(*acknowledgements[0])]
        found = await self.confirm_each(acknowledgements)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each is True for each in found]

    async def confirm_each(self, acknowledgements: Sequence[tuple[str, bytes]]) -> Sequence[bool | BaseException]:
        """As `confirm`; of each whether JetStream knows it, or the error where that is not known."""
        sent = (self._confirmed(*each) for each in acknowledgements)
        return await asyncio.gather(*sent, return_exceptions=True)

    async def _confirmed(self, subject: str, word: bytes) -> bool:
        try:
            await self.request(subject, word)
        except JetStreamMissingError:
            return False
        return True


def _answer(message: Msg) -> Any:
    status = (message.headers or {}).get("Status", "")
    if status:
        raise ApiError(10037 if status == "404" else 0, (message.headers or {}).get("Description", status))
    answer = json.loads(message.data)
    if error := answer.get("error"):
        raise ApiError(int(error.get("err_code", 0)), str(error.get("description", "")))
    return answer


async def settled(work: Callable[[], Awaitable[Any]]) -> Any:
    """The result of requests, whose refusals are errors of the tree.

    Raises:
        PrismError: JetStream refuses, or does not answer.
    """
    try:
        return await work()
    except ApiError as error:
        raise refused(error) from error
    except JetStreamMissingError as error:
        raise no_leader() from error
