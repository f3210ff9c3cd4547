"""One request as it is carried out: what it names, who asks, and the operations that it may come to."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from prism.errors import InvalidArgument
from prism.gateway.call import NAMESPACE_HEADER, Incoming
from prism.gateway.connect.incoming import Incoming as HttpIncoming
from prism.gateway.handler import OperationHandler
from prism.gateway.objects_http.address import SIGNED, ObjectAddress
from prism.gateway.objects_http.transfers import Transfers
from prism.interfaces import objectstore as messages
from prism.interfaces.operation import Operation
from prism.wire import HttpRequest

M = TypeVar("M", bound=Message)
OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}


@dataclass(frozen=True, slots=True)
class ObjectRequest:
    """One request.

    Attributes:
        http: as it arrived.
        address: what its target names.
        incoming: as the hops see it.
        handler: carries operations out.
        transfers: counts bytes.
        inline_types: what browsers may show of the namespace's objects.
        max_size: most bytes that may be put; None where nothing is said.
    """

    http: HttpRequest
    address: ObjectAddress
    incoming: Incoming
    handler: OperationHandler
    transfers: Transfers
    inline_types: Collection[str] = ()
    max_size: int | None = None

    async def ask(self, method: str, asked: Message, kind: type[M]) -> M:
        """Carries out an operation with one answer. Raises as `OperationHandler` does."""
        answer = await self.handler.unary(self.incoming, _operation(method), asked.SerializeToString())
        return kind.FromString(answer)

    async def send(self, method: str, asked: AsyncIterator[bytes], kind: type[M]) -> M:
        """Carries out an operation with a stream of requests and one answer."""
        async with aclosing(self.handler.stream(self.incoming, _operation(method), asked)) as answers:
            found = [answer async for answer in answers]  # to the end: an error may follow
        return kind.FromString(found[0])

    def receive(self, method: str, asked: Message) -> AsyncGenerator[bytes, None]:
        """Carries out an operation with a stream of answers."""
        return self.handler.stream(self.incoming, _operation(method), asked.SerializeToString())

    async def head(self) -> messages.Object | None:
        """What is there under the key; None for nothing."""
        asked = messages.HeadRequest(key=self.address.key, version=self.address.query.get("version", ""))
        answer = await self.ask("head", asked, messages.HeadResponse)
        return answer.object if answer.HasField("object") else None


def incoming_of(request: HttpRequest, address: ObjectAddress) -> Incoming:
    """A request as the hops see it: the namespace of its path is that of its metadata.

    Raises:
        InvalidArgument: a header names another one.
    """
    named = {str(each) for each in request.headers.get_all(NAMESPACE_HEADER)}
    if named - {address.namespace}:
        raise InvalidArgument(
            f"the path names the namespace {address.namespace[:63]!r}, and the header {NAMESPACE_HEADER} another one; "
            "leave the header out"
        )
    try:
        metadata = request.headers if named else request.headers.extended([(NAMESPACE_HEADER, address.namespace)])
    except ValueError as error:
        raise InvalidArgument(f"{address.namespace[:63]!r} is not a valid namespace; give one that exists") from error
    return HttpIncoming(metadata, None, request.peer)


def is_signed(address: ObjectAddress) -> bool:
    """Whether the address itself says who allowed it."""
    return SIGNED in address.query


def _operation(method: str) -> Operation:
    return OPERATIONS[method]
