"""What the driver's parser does with what the server sends unasked: hands it on, told from answers by its type."""

from typing import Any

from redis.asyncio.connection import DefaultParser

Push = tuple[Any, ...]
"""A message, or what became of a subscription; answers to commands are never tuples."""


class PushParser(DefaultParser):  # type: ignore[misc, valid-type]  # hiredis' or the driver's own, whichever is installed
    """A parser of RESP3 for a connection that listens."""

    async def handle_push_response(self, response: list[Any], **_: object) -> Push:
        """What `read_response` gives for something that was pushed."""
        return tuple(response)
