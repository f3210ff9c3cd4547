"""PubSub as a Python application says it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC
from typing import Any

from google.protobuf.message import Message

from prism.client import Client, Gap, Outgoing
from prism.client import PubSub as ClientPubSub
from prism.client.pubsub import Start
from prism.interfaces import pubsub as ps
from prism.interfaces.operation import Operation
from prism.rpc_status import to_rpc_status


class PubSubThroughClient:
    """`prism.acceptance.suite.Translation` of PubSub."""

    async def call(
        self, client: Client, namespace: str | None, operation: Operation, request: Any, timeout: float
    ) -> Message:
        """See Translation."""
        if operation.method == "publish":
            return await _publish(_enter(client, namespace), request, timeout)
        return await _publish_batch(_enter(client, namespace), request, timeout)

    async def stream(
        self,
        client: Client,
        namespace: str | None,
        operation: Operation,
        request: Any,
        timeout: float,
        on_established: Callable[[], None] | None = None,
    ) -> AsyncIterator[Any]:
        """See Translation. A gap is raised: what the client does after it is not a matter of the contract."""
        assert operation.method == "subscribe"
        subscription = _enter(client, namespace).subscribe(
            request.topic_pattern, group=request.queue_group, start=_start(request),
            skip_gaps=request.on_gap == ps.OnGap.PUB_SUB_ON_GAP_SKIP, on_gap=_raised, timeout=timeout,
        )  # fmt: skip
        async with subscription:
            if on_established is not None:
                on_established()
            if subscription.position:
                yield ps.Message(kind=ps.Kind.PUB_SUB_KIND_PROGRESS, position=subscription.position)
            async for each in subscription:
                message = ps.Message(
                    topic=each.topic, payload=each.payload, attributes=each.attributes, message_id=each.id,
                    position=each.position,
                )  # fmt: skip
                message.published_at.FromDatetime(each.published_at)
                yield message


def _enter(client: Client, namespace: str | None) -> ClientPubSub:
    return client.pubsub() if namespace is None else client.pubsub(namespace)


def _start(request: ps.SubscribeRequest) -> Start | None:
    match request.start.WhichOneof("at"):
        case "position":
            return request.start.position
        case "time":
            return request.start.time.ToDatetime(UTC)
        case "earliest":
            return "earliest"
        case "now":
            return "now"
    return None


def _raised(gap: Gap) -> None:
    raise gap.error


async def _publish(client: ClientPubSub, request: ps.PublishRequest, timeout: float) -> ps.PublishResponse:
    message_id = await client.publish(
        request.topic,
        request.payload,
        attributes=request.attributes,
        ordering_key=request.ordering_key,
        timeout=timeout,
    )
    return ps.PublishResponse(message_id=message_id)


async def _publish_batch(
    client: ClientPubSub, request: ps.PublishBatchRequest, timeout: float
) -> ps.PublishBatchResponse:
    outgoing = [Outgoing(each.topic, each.payload, each.attributes, each.ordering_key) for each in request.messages]
    answer = ps.PublishBatchResponse()
    for result in await client.publish_batch(outgoing, timeout=timeout):
        answer.results.add(message_id=result.id, error=to_rpc_status(result.error) if result.error else None)
    return answer
