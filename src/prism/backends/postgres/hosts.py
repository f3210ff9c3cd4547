"""The host of the primary among several: the last known one is tried first.

asyncpg's own search gives all hosts together the time of one, so that a host which is gone without a word would hide
those behind it; and it begins with the first always, where a primary that was failed over from may have come back.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg

from prism.backends.postgres.config import Address

Session = TypeVar("Session")

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InternalClientError,
)
"""No primary serves there just now. Any other refusal, such as of a wrong password, is the answer."""


class Hosts:
    """The hosts of one configuration."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = list(addresses)

    async def first(self, open_session: Callable[[Address], Awaitable[Session]]) -> Session:
        """A session with the first that is a primary; each has the time that `open_session` takes for one.

        Raises:
            asyncpg.TargetServerAttributeNotMatched: some answer, and none of them is a primary.
            Exception: no host answers, or one refuses for another reason than that it is not the primary.
        """
        failure: Exception | None = None
        for address in tuple(self._addresses):
            try:
                session = await open_session(address)
            except _AWAY as error:
                if failure is None or isinstance(error, asyncpg.TargetServerAttributeNotMatched):
                    failure = error
            else:
                self._addresses.remove(address)
                self._addresses.insert(0, address)
                return session
        raise failure or ValueError("no host is configured")
