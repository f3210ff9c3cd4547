"""PubSub for applications: a message goes to every subscriber of its topic.

What each operation means: docs/contract.md and prism/data/v1/pubsub.proto. Every method may raise a `PrismError`; what
a failed publish did is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call with all its
retries; without it the client's own holds.
"""

import math
from collections.abc import Awaitable, Iterable, Mapping
from datetime import datetime
from typing import Literal

from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status as RpcStatus

from prism.client.arguments import Seconds
from prism.client.headers import NamespaceHeaders
from prism.client.message import Outgoing, PublishResult
from prism.client.subscription import OnGap, Subscription
from prism.client.transport import Transport
from prism.errors import PrismError
from prism.interfaces import pubsub as messages
from prism.rpc_status import from_status
from prism.wire import Code, Status

Start = Literal["now", "earliest"] | datetime | bytes
"""Where a subscription to what persists begins; see `PubSub.subscribe`."""

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}


class PubSub:
    """The topics of one namespace; made by `Client.pubsub`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        attributes: Mapping[str, str] | None = None,
        ordering_key: str = "",
        timeout: Seconds | None = None,
    ) -> str:
        """Sends a message to every current subscriber and returns its id.

        Args:
            topic: tokens split by dots, such as `orders.eu.created`.
            payload: its content.
            attributes: notes on the payload.
            ordering_key: messages of one key keep their order, where the backend declares `ordering`.
        """
        request = messages.PublishRequest(
            topic=topic, payload=payload, attributes=attributes, ordering_key=ordering_key
        )
        return messages.PublishResponse.FromString(await self._call("publish", request, timeout)).message_id

    async def publish_batch(
        self, outgoing: Iterable[Outgoing], *, timeout: Seconds | None = None
    ) -> list[PublishResult]:
        """Sends many messages at once, in their order; each succeeds or fails by itself."""
        asked = [
            messages.PublishRequest(
                topic=each.topic, payload=each.payload, attributes=each.attributes, ordering_key=each.ordering_key
            )
            for each in outgoing
        ]
        if not asked:
            return []
        answer = await self._call("publish_batch", messages.PublishBatchRequest(messages=asked), timeout)
        results = messages.PublishBatchResponse.FromString(answer).results
        return [
            PublishResult(each.message_id, _error(each.error) if each.HasField("error") else None) for each in results
        ]

    def subscribe(
        self,
        pattern: str,
        *,
        group: str = "",
        start: Start | None = None,
        skip_gaps: bool = False,
        on_gap: OnGap | None = None,
        outage_timeout: Seconds = math.inf,
        timeout: Seconds | None = None,
    ) -> Subscription:
        """The messages of matching topics. Nothing is sent before the subscription is used.

        Without `start` it has what is published from now on, at most once. With it, where the backend declares
        `persistent`, it reads what the store keeps: it goes on where it stood when its stream breaks, and is not ended
        for reading slowly.

        Args:
            pattern: a topic, in which the token `*` matches one token, and `>` at the end one or more.
            group: each message goes to one subscription of the group; not with `start`.
            start: "now"; "earliest", which is all that is kept; a time with its zone; or a `position` that a message or
                subscription of the same pattern gave.
            skip_gaps: where messages are kept no longer that it has not had, report a gap and go on with the earliest
                one. Without it that ends the subscription with `PositionExpired`.
            on_gap: called with each gap, once the subscription is established again. What it raises, the loop over
                the messages raises. Without it gaps are logged as warnings by the logger `prism.client`.
            outage_timeout: how long an outage may last before its error is raised; without it, for ever.
            timeout: for the subscription to be established the first time.
        """
        request = messages.SubscribeRequest(topic_pattern=pattern, queue_group=group)
        if start is not None:
            request.start.CopyFrom(_start(start))
        if skip_gaps:
            request.on_gap = messages.OnGap.PUB_SUB_ON_GAP_SKIP
        operation = _OPERATIONS["subscribe"]
        return Subscription(
            self._transport,
            operation,
            request,
            self._headers,
            timeout=timeout,
            outage_timeout=outage_timeout,
            on_gap=on_gap,
        )

    def _call(
        self, method: str, request: messages.PublishRequest | messages.PublishBatchRequest, timeout: Seconds | None
    ) -> Awaitable[bytes]:
        return self._transport.unary(_OPERATIONS[method], request.SerializeToString(), self._headers, timeout)


def _start(start: Start) -> messages.Start:
    if isinstance(start, bytes):
        return messages.Start(position=start)
    if isinstance(start, datetime):
        if start.tzinfo is None:
            raise ValueError("start: a time needs a time zone, such as datetime.UTC")
        made = messages.Start()
        made.time.FromDatetime(start)
        return made
    if start not in ("now", "earliest"):
        raise ValueError(f"start: {start!r} is none of 'now', 'earliest', a datetime and the bytes of a position")
    return messages.Start(earliest=Empty()) if start == "earliest" else messages.Start(now=Empty())


def _error(status: RpcStatus) -> PrismError:
    return from_status(Status(Code(status.code), status.message, status.SerializeToString()))
