"""What the ways in over HTTP share: messages from and to their codec, deadlines, and the errors of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from prism.errors import DeadlineExceeded, InternalError, Outcome, PrismError
from prism.gateway.connect.codec import Codec
from prism.gateway.connect.incoming import decompressed
from prism.gateway.handler import Decode
from prism.interfaces.operation import Operation
from prism.wire import Deadline

_LARGE = 8 << 10

Answer = TypeVar("Answer")


def decoder(codec: Codec, operation: Operation, encoding: str, limit: int) -> Decode:
    """Makes the message of the body; run once the call is admitted, so that a refused one costs no reading."""

    async def decode(body: bytes) -> bytes:
        try:
            return await converted(codec.decode, decompressed(body, encoding, limit), operation)
        except PrismError as error:
            before_the_gateway(error, operation)
            raise

    return decode


async def converted(convert: Callable[[bytes, Operation], bytes], message: bytes, operation: Operation) -> bytes:
    """The message from or to its codec; a large one in a thread, for megabytes of JSON take seconds."""
    if len(message) < _LARGE:
        return convert(message, operation)
    return await asyncio.to_thread(convert, message, operation)


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


def before_the_gateway(error: PrismError, operation: Operation) -> PrismError:
    """The error of a call that no operation has seen: a write was not applied."""
    if not operation.reads:
        error.outcome = Outcome.NOT_APPLIED
    return error


def defect(operation: Operation) -> PrismError:
    """The error that a caller gets for an unexpected failure."""
    outcome = None if operation.reads else Outcome.UNKNOWN
    return InternalError(
        f"{operation.name} failed inside the gateway; the gateway's log has the details", outcome=outcome
    )
