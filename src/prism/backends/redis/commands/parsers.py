"""The driver's parser, but for what it does not do: notice a reset, and hand on what the server sends unasked."""

from typing import Any

from redis.asyncio.connection import DefaultParser

Push = tuple[Any, ...]
"""A message, or what became of a subscription; answers to commands are never tuples."""


class Parser(DefaultParser):  # type: ignore[misc, valid-type]  # hiredis' or the driver's own, whichever is installed
    """A parser for a connection that waits in a pool."""

    async def can_read(self) -> bool:
        """Whether a connection that waits for nothing is of no use: the driver sees a server that closed it alone."""
        return self._stream.exception() is not None or await super().can_read()


class PushParser(DefaultParser):  # type: ignore[misc, valid-type]  # as above
    """A parser of RESP3 for a connection that listens."""

    async def handle_push_response(self, response: list[Any], **_: object) -> Push:
        """What `read_response` gives for something that was pushed."""
        return tuple(response)
