"""The way of ObjectStore's requests to a gateway: what its calls, its files and its uploads share."""

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Final, TypeVar

from google.protobuf.message import Message

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.retry import RetryPolicy
from prism.client.transport import Transport
from prism.errors import InternalError
from prism.interfaces import objectstore as messages
from prism.wire import Deadline

M = TypeVar("M", bound=Message)

NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})
_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}


class ObjectRequests:
    """Sends the requests of one namespace."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    @property
    def policy(self) -> RetryPolicy:
        """How failed calls are repeated."""
        return self._transport.policy

    async def _ask(
        self, method: str, asked: Message, kind: type[M], timeout: Seconds | None, *, keyed: bool = False
    ) -> M:
        operation = _OPERATIONS[method]
        answer = await self._transport.unary(operation, asked.SerializeToString(), self._headers, timeout, keyed=keyed)
        return kind.FromString(answer)

    async def _send(
        self, method: str, asked: AsyncGenerator[bytes, None], kind: type[M], deadline: Deadline | None
    ) -> M:
        async with aclosing(self._transport.stream(_OPERATIONS[method], asked, self._headers, deadline)) as answers:
            found = [answer async for answer in answers]  # to the end: an error may follow
        if len(found) != 1:
            raise InternalError(f"{method} was answered with {len(found)} messages, where one is expected")
        return kind.FromString(found[0])

    def _deadline(self, timeout: Seconds | None) -> Deadline | None:
        return self._transport.deadline(math.inf if timeout is None else timeout)


def properties(
    content_type: str,
    content_encoding: str,
    content_disposition: str,
    cache_control: str,
    metadata: Mapping[str, str],
) -> messages.Properties:
    """What a writer says of an object, as requests carry it; empty for what it does not say."""
    return messages.Properties(
        content_type=content_type,
        content_encoding=content_encoding,
        content_disposition=content_disposition,
        cache_control=cache_control,
        metadata=metadata,
    )
