"""PubSub: a message goes to every subscriber of its topic. What each operation means: prism/data/v1/pubsub.proto.

In this module the abstraction's messages go by their short names: `PublishRequest` is `PubSubPublishRequest` on the
wire, and what a subscriber gets is a `Message`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from prism._proto.data.v1 import pubsub_pb2 as pb
from prism._proto.data.v1.pubsub_pb2 import PubSubKind as Kind
from prism._proto.data.v1.pubsub_pb2 import PubSubOnGap as OnGap
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishBatchRequest as PublishBatchRequest
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishBatchResponse as PublishBatchResponse
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishRequest as PublishRequest
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishResponse as PublishResponse
from prism._proto.data.v1.pubsub_pb2 import PubSubStart as Start
from prism._proto.data.v1.pubsub_pb2 import PubSubSubscribeRequest as SubscribeRequest
from prism._proto.data.v1.pubsub_pb2 import PubSubSubscribeResponse as Message
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces.operation import Interface, Invoke
from prism.rpc_status import to_rpc_status

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "INTERFACE",
    "Context",
    "Kind",
    "Message",
    "OnGap",
    "PubSub",
    "PublishBatchRequest",
    "PublishBatchResponse",
    "PublishRequest",
    "PublishResponse",
    "Start",
    "SubscribeRequest",
]


class PubSub(Protocol):
    """What a backend implements to serve PubSub; requests arrive valid by the rules in the .proto.

    `subscribe` calls `context.established()` as soon as no later message is missed, before it gives the first one. One
    with `start` comes only where the capability `persistent` is declared: `prism.sdk.pubsub` serves it from a log.
    """

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse: ...

    def subscribe(self, request: SubscribeRequest, context: Context) -> AsyncIterator[Message]: ...


async def publish_batch(
    invoke: Invoke, request: PublishBatchRequest, context: Context, _most: int
) -> PublishBatchResponse:
    """Every message on its own: begun in their order, all in flight at once."""

    async def one(message: PublishRequest) -> PublishBatchResponse.Result:
        try:
            answer: PublishResponse = await invoke("publish", message, context)
        except PrismError as error:
            return PublishBatchResponse.Result(error=to_rpc_status(error))
        return PublishBatchResponse.Result(message_id=answer.message_id)

    return PublishBatchResponse(results=await asyncio.gather(*(one(message) for message in request.messages)))


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.pubsub import PubSubCapabilities

    return PubSubCapabilities


INTERFACE = Interface.of(
    PubSub,
    pb.DESCRIPTOR.services_by_name["PubSub"],
    capabilities=_capabilities,
    derived={"publish_batch": publish_batch},
    keeps_data=False,
)
