"""PubSub: a message goes to every subscriber of its topic. What each operation means: prism/data/v1/pubsub.proto.

In this module the abstraction's messages go by their short names: `PublishRequest` is `PubSubPublishRequest` on the
wire, and what a subscriber gets is a `Message`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from prism._proto.data.v1 import pubsub_pb2 as pb
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishBatchRequest as PublishBatchRequest
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishBatchResponse as PublishBatchResponse
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishRequest as PublishRequest
from prism._proto.data.v1.pubsub_pb2 import PubSubPublishResponse as PublishResponse
from prism._proto.data.v1.pubsub_pb2 import PubSubSubscribeRequest as SubscribeRequest
from prism._proto.data.v1.pubsub_pb2 import PubSubSubscribeResponse as Message
from prism.context import Context
from prism.errors import PrismError
from prism.interfaces.capabilities import Capabilities
from prism.interfaces.operation import Interface, Invoke
from prism.rpc_status import to_rpc_status

__all__ = [
    "INTERFACE",
    "Context",
    "Message",
    "PubSub",
    "PubSubCapabilities",
    "PublishBatchRequest",
    "PublishBatchResponse",
    "PublishRequest",
    "PublishResponse",
    "SubscribeRequest",
]


class PubSubCapabilities(Capabilities):
    """What a backend's PubSub can do.

    Attributes:
        ordering: messages of one key keep their order.
        queue_groups: subscribers may share a subscription.
        persistent: messages survive without a subscriber.
    """

    ordering: bool = False
    queue_groups: bool = False
    persistent: bool = False


class PubSub(Protocol):
    """What a backend implements to serve PubSub; requests arrive valid by the rules in the .proto.

    `subscribe` calls `context.established()` as soon as no later message is missed, before it gives the first one.
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


INTERFACE = Interface.of(
    PubSub,
    pb.DESCRIPTOR.services_by_name["PubSub"],
    capabilities=PubSubCapabilities,
    derived={"publish_batch": publish_batch},
    keeps_data=False,
)
