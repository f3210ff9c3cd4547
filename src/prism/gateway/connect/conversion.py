"""What the ways in over HTTP share: messages from and to their codec, deadlines, and the errors of their own."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from prism.errors import DeadlineExceeded, InternalError, Outcome, PrismError
from prism.gateway.connect.codec import Codec, as_it_is
from prism.gateway.connect.incoming import IDENTITY, decompressed
from prism.gateway.handler import Decode
from prism.interfaces.operation import Operation
from prism.sdk.turns import Turns
from prism.wire import Deadline

_LARGE: Final = 8 << 10
"""Bytes from which a message is converted in a thread: megabytes of JSON take seconds."""
_HUGE: Final = 256 << 10
"""Bytes from which it keeps no smaller one waiting."""
_LARGE_AT_ONCE: Final = 2
_HUGE_AT_ONCE: Final = 1
"""Threads share the interpreter with the event loop: more of them convert no faster, and delay every call."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Conversions:
    """Messages from and to their codecs. The threads for large ones are its own, and namespaces have them in turns."""

    def __init__(self) -> None:
        self._large = Turns(_LARGE_AT_ONCE)
        self._huge = Turns(_HUGE_AT_ONCE)
        self._threads = ThreadPoolExecutor(_LARGE_AT_ONCE + _HUGE_AT_ONCE, thread_name_prefix="conversion")

    def decoder(self, codec: Codec, operation: Operation, encoding: str, limit: int, namespace: str) -> Decode | None:
        """Makes the message of the body; run once the call is admitted, so that a refused one costs no reading.

        None where the body is the message.
        """
        if codec.decode is as_it_is and encoding in ("", IDENTITY):
            return None

        async def decode(body: bytes) -> bytes:
            try:
                return await self.converted(codec.decode, decompressed(body, encoding, limit), operation, namespace)
            except PrismError as error:
                before_the_gateway(error, operation)
                raise

        return decode

    async def converted(
        self, convert: Callable[[bytes, Operation], bytes], message: bytes, operation: Operation, namespace: str
    ) -> bytes:
        """The message from or to its codec, of a call on that namespace."""
        size = len(message)
        if size < _LARGE or convert is as_it_is:
            return convert(message, operation)
        turns = self._huge if size >= _HUGE else self._large
        await turns.take(namespace)
        loop = asyncio.get_running_loop()

        def over(_: "Future[bytes]") -> None:
            with suppress(RuntimeError):  # the loop was closed: no caller waits any more
                loop.call_soon_threadsafe(turns.give_back)

        job = self._threads.submit(convert, message, operation)
        job.add_done_callback(over)  # not when its caller leaves: the thread works on
        return await asyncio.wrap_future(job)


def check_time(deadline: Deadline | None, said: str, operation: Operation) -> None:
    """Passes a request that has come whole before its deadline, which the header `said` has set.

    Raises:
        DeadlineExceeded: it has not; nothing was applied.
    """
    if deadline is not None and deadline.expired():
        error = DeadlineExceeded(f"the request did not come whole within {said}; allow more time, or send less at once")
        raise before_the_gateway(error, operation)


async def within(deadline: Deadline | None, said: str, operation: Operation, answer: Awaitable[Answer]) -> Answer:
    """The answer, if it comes before the deadline, which the header `said` has set."""
    if deadline is None:
        return await answer
    try:
        async with asyncio.timeout(deadline.remaining()) as limit:
            return await answer
    except TimeoutError:
        if not limit.expired():
            raise
    outcome = None if operation.reads else Outcome.UNKNOWN
    raise DeadlineExceeded(f"the call did not finish within {said}; allow more time", outcome=outcome)


async def next_within(
    deadline: Deadline | None, said: str, operation: Operation, answers: AsyncGenerator[Answer, None]
) -> Answer | None:
    """The next of the answers, None after the last; raises as `within` does."""
    try:
        return await within(deadline, said, operation, anext(answers))
    except StopAsyncIteration:
        return None


def before_the_gateway(error: PrismError, operation: Operation) -> PrismError:
    """The error of a call that no operation has seen: a write was not applied."""
    if not operation.reads:
        error.outcome = Outcome.NOT_APPLIED
    return error


def defect(operation: Operation) -> PrismError:
    """The error that a caller gets for the unexpected failure that is being handled, which is logged."""
    log.exception(
        "operation %s failed with an unexpected error; this is a defect in Prism or a plugin: report it with the "
        "traceback below",
        operation.name,
    )
    outcome = None if operation.reads else Outcome.UNKNOWN
    return InternalError(
        f"{operation.name} failed inside the gateway; the gateway's log has the details", outcome=outcome
    )
