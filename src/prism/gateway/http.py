"""HTTP on a port that has it beside gRPC: loaded and made with the first request, as many gateways never see one.

Its modules are a twelfth of a start's processor time, some 20 ms, which the first request takes longer.
"""

from collections.abc import Callable
from functools import cached_property

from prism.wire import HttpHandler, HttpRequest, HttpResponse
from prism.wire.http.message import MessageBodies

OBJECTS = "/objects/"
"""What the paths of objects over plain HTTP begin with."""

_ENVELOPE = 5  # `prism.gateway.connect.envelope.HEAD_SIZE`


class WhenAsked:
    """An `HttpHandler` in the place of one that is made with the first request.

    Args:
        make: makes it, and what is its `message_bodies`; called once, on the event loop.
    """

    def __init__(self, make: Callable[[], tuple[HttpHandler, MessageBodies]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> tuple[HttpHandler, MessageBodies]:
        return self._make()

    def message_bodies(self, request: HttpRequest) -> str | None:
        """`prism.wire`'s `MessageBodies`."""
        return self._made[1](request)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answers one request."""
        return await self._made[0](request)


def body_limit(message_limit: int) -> int:
    """Most bytes of a body that can hold a message within the limit: in an envelope, in base64."""
    return (message_limit + _ENVELOPE + 2) // 3 * 4
