"""The response side of the chain: functions that set headers and trailers of answers, whatever the way in.

They run before the call is handed on, so that refusals have them too. Where there are none nothing of this is run.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prism.gateway.call import Incoming
from prism.wire.grpc.metadata import EMPTY_METADATA, Metadata


class Response:
    """What an answer says beside its messages and its status.

    Attributes:
        headers: before the first message. Of an answer that is nothing but a status, beside it.
        trailers: beside the status.
    """

    __slots__ = ("headers", "trailers")

    def __init__(self) -> None:
        self.headers = EMPTY_METADATA
        self.trailers = EMPTY_METADATA

    def add_headers(self, more: Metadata) -> None:
        """More headers, behind those that are set."""
        self.headers = self.headers.extended(more) if self.headers else more

    def add_trailers(self, more: Metadata) -> None:
        """More trailers, behind those that are set."""
        self.trailers = self.trailers.extended(more) if self.trailers else more


NOTHING: Final = Response()
"""Of every answer where no function sets anything."""

ResponseHop = Callable[[Incoming, Response], None]
"""Adds what it has to say to the answer of a request. It must not wait, and not raise."""


def respond(hops: Iterable[ResponseHop], incoming: Incoming) -> Response:
    """What the answer to a request says by these functions."""
    response = Response()
    for hop in hops:
        hop(incoming, response)
    return response
