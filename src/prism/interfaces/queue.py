"""Queue: work that must be done, at least once. What each operation means: prism/data/v1/queue.proto.

In this module the abstraction's messages go by their short names: `PublishRequest` is `QueuePublishRequest` on the
wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from prism._proto.data.v1 import queue_pb2 as pb
from prism._proto.data.v1.queue_pb2 import QueueAck as Ack
from prism._proto.data.v1.queue_pb2 import QueueAcknowledgeRequest as AcknowledgeRequest
from prism._proto.data.v1.queue_pb2 import QueueAcknowledgeResponse as AcknowledgeResponse
from prism._proto.data.v1.queue_pb2 import QueueBackoff as Backoff
from prism._proto.data.v1.queue_pb2 import QueueCancelRequest as CancelRequest
from prism._proto.data.v1.queue_pb2 import QueueCancelResponse as CancelResponse
from prism._proto.data.v1.queue_pb2 import QueueCommit as Commit
from prism._proto.data.v1.queue_pb2 import QueueCommitRequest as CommitRequest
from prism._proto.data.v1.queue_pb2 import QueueCommitResponse as CommitResponse
from prism._proto.data.v1.queue_pb2 import QueueCommitted as Committed
from prism._proto.data.v1.queue_pb2 import QueueConsumeRequest as ConsumeRequest
from prism._proto.data.v1.queue_pb2 import QueueConsumeResponse as ConsumeResponse
from prism._proto.data.v1.queue_pb2 import QueueCounts as Counts
from prism._proto.data.v1.queue_pb2 import QueueCreate as Create
from prism._proto.data.v1.queue_pb2 import QueueCreateGroupRequest as CreateGroupRequest
from prism._proto.data.v1.queue_pb2 import QueueCreateGroupResponse as CreateGroupResponse
from prism._proto.data.v1.queue_pb2 import QueueCreateTopicRequest as CreateTopicRequest
from prism._proto.data.v1.queue_pb2 import QueueCreateTopicResponse as CreateTopicResponse
from prism._proto.data.v1.queue_pb2 import QueueDeadLetter as DeadLetter
from prism._proto.data.v1.queue_pb2 import QueueDeadLetterMode as DeadLetterMode
from prism._proto.data.v1.queue_pb2 import QueueDeleteGroupRequest as DeleteGroupRequest
from prism._proto.data.v1.queue_pb2 import QueueDeleteGroupResponse as DeleteGroupResponse
from prism._proto.data.v1.queue_pb2 import QueueDeleteTopicRequest as DeleteTopicRequest
from prism._proto.data.v1.queue_pb2 import QueueDeleteTopicResponse as DeleteTopicResponse
from prism._proto.data.v1.queue_pb2 import QueueDescribeGroupRequest as DescribeGroupRequest
from prism._proto.data.v1.queue_pb2 import QueueDescribeGroupResponse as DescribeGroupResponse
from prism._proto.data.v1.queue_pb2 import QueueDescribeTopicRequest as DescribeTopicRequest
from prism._proto.data.v1.queue_pb2 import QueueDescribeTopicResponse as DescribeTopicResponse
from prism._proto.data.v1.queue_pb2 import QueueDiscardRequest as DiscardRequest
from prism._proto.data.v1.queue_pb2 import QueueDiscardResponse as DiscardResponse
from prism._proto.data.v1.queue_pb2 import QueueExtend as Extend
from prism._proto.data.v1.queue_pb2 import QueueExtendRequest as ExtendRequest
from prism._proto.data.v1.queue_pb2 import QueueExtendResponse as ExtendResponse
from prism._proto.data.v1.queue_pb2 import QueueGroupConfig as GroupConfig
from prism._proto.data.v1.queue_pb2 import QueueKeep as Keep
from prism._proto.data.v1.queue_pb2 import QueueListGroupsRequest as ListGroupsRequest
from prism._proto.data.v1.queue_pb2 import QueueListGroupsResponse as ListGroupsResponse
from prism._proto.data.v1.queue_pb2 import QueueListTopicsRequest as ListTopicsRequest
from prism._proto.data.v1.queue_pb2 import QueueListTopicsResponse as ListTopicsResponse
from prism._proto.data.v1.queue_pb2 import QueueMessage as Message
from prism._proto.data.v1.queue_pb2 import QueueNack as Nack
from prism._proto.data.v1.queue_pb2 import QueueNackRequest as NackRequest
from prism._proto.data.v1.queue_pb2 import QueueNackResponse as NackResponse
from prism._proto.data.v1.queue_pb2 import QueuePeeked as Peeked
from prism._proto.data.v1.queue_pb2 import QueuePeekRequest as PeekRequest
from prism._proto.data.v1.queue_pb2 import QueuePeekResponse as PeekResponse
from prism._proto.data.v1.queue_pb2 import QueuePublishBatchRequest as PublishBatchRequest
from prism._proto.data.v1.queue_pb2 import QueuePublishBatchResponse as PublishBatchResponse
from prism._proto.data.v1.queue_pb2 import QueuePublishRequest as PublishRequest
from prism._proto.data.v1.queue_pb2 import QueuePublishResponse as PublishResponse
from prism._proto.data.v1.queue_pb2 import QueuePurgeTopicRequest as PurgeTopicRequest
from prism._proto.data.v1.queue_pb2 import QueuePurgeTopicResponse as PurgeTopicResponse
from prism._proto.data.v1.queue_pb2 import QueueReceiveRequest as ReceiveRequest
from prism._proto.data.v1.queue_pb2 import QueueReceiveResponse as ReceiveResponse
from prism._proto.data.v1.queue_pb2 import QueueRedriveRequest as RedriveRequest
from prism._proto.data.v1.queue_pb2 import QueueRedriveResponse as RedriveResponse
from prism._proto.data.v1.queue_pb2 import QueueRelease as Release
from prism._proto.data.v1.queue_pb2 import QueueReleaseRequest as ReleaseRequest
from prism._proto.data.v1.queue_pb2 import QueueReleaseResponse as ReleaseResponse
from prism._proto.data.v1.queue_pb2 import QueueRevocation as Revocation
from prism._proto.data.v1.queue_pb2 import QueueRevoked as Revoked
from prism._proto.data.v1.queue_pb2 import QueueSeekRequest as SeekRequest
from prism._proto.data.v1.queue_pb2 import QueueSeekResponse as SeekResponse
from prism._proto.data.v1.queue_pb2 import QueueSettled as Settled
from prism._proto.data.v1.queue_pb2 import QueueSettlement as Settlement
from prism._proto.data.v1.queue_pb2 import QueueStart as Start
from prism._proto.data.v1.queue_pb2 import QueueState as State
from prism._proto.data.v1.queue_pb2 import QueueSubscribe as Subscribe
from prism._proto.data.v1.queue_pb2 import QueueSubscribed as Subscribed
from prism._proto.data.v1.queue_pb2 import QueueTopicConfig as TopicConfig
from prism._proto.data.v1.queue_pb2 import QueueUpdateGroupRequest as UpdateGroupRequest
from prism._proto.data.v1.queue_pb2 import QueueUpdateGroupResponse as UpdateGroupResponse
from prism._proto.data.v1.queue_pb2 import QueueUpdateTopicRequest as UpdateTopicRequest
from prism._proto.data.v1.queue_pb2 import QueueUpdateTopicResponse as UpdateTopicResponse
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "INTERFACE",
    "Ack",
    "AcknowledgeRequest",
    "AcknowledgeResponse",
    "AtomicCommit",
    "Backoff",
    "Cancel",
    "CancelRequest",
    "CancelResponse",
    "Commit",
    "CommitRequest",
    "CommitResponse",
    "Committed",
    "ConsumeRequest",
    "ConsumeResponse",
    "Context",
    "Counts",
    "Create",
    "CreateGroupRequest",
    "CreateGroupResponse",
    "CreateTopicRequest",
    "CreateTopicResponse",
    "DeadLetter",
    "DeadLetterMode",
    "DeleteGroupRequest",
    "DeleteGroupResponse",
    "DeleteTopicRequest",
    "DeleteTopicResponse",
    "DescribeGroupRequest",
    "DescribeGroupResponse",
    "DescribeTopicRequest",
    "DescribeTopicResponse",
    "DiscardRequest",
    "DiscardResponse",
    "Extend",
    "ExtendRequest",
    "ExtendResponse",
    "GroupConfig",
    "Keep",
    "ListGroupsRequest",
    "ListGroupsResponse",
    "ListTopicsRequest",
    "ListTopicsResponse",
    "Message",
    "Nack",
    "NackRequest",
    "NackResponse",
    "PeekRequest",
    "PeekResponse",
    "Peeked",
    "PublishBatchRequest",
    "PublishBatchResponse",
    "PublishRequest",
    "PublishResponse",
    "PurgeTopicRequest",
    "PurgeTopicResponse",
    "Queue",
    "Receive",
    "ReceiveRequest",
    "ReceiveResponse",
    "RedriveRequest",
    "RedriveResponse",
    "Release",
    "ReleaseRequest",
    "ReleaseResponse",
    "Revocation",
    "Revoked",
    "SeekRequest",
    "SeekResponse",
    "Settled",
    "Settlement",
    "Start",
    "State",
    "Subscribe",
    "Subscribed",
    "TopicConfig",
    "UpdateGroupRequest",
    "UpdateGroupResponse",
    "UpdateTopicRequest",
    "UpdateTopicResponse",
]


class Queue(Protocol):
    """What every backend implements to serve Queue; requests arrive valid by the rules in the .proto.

    What a rule cannot say, of capabilities that have a range, and all that is not a store is done once in
    `prism.sdk.queue`, over a Protocol that a store implements.
    """

    async def publish(self, request: PublishRequest, context: Context) -> PublishResponse: ...

    async def publish_batch(self, request: PublishBatchRequest, context: Context) -> PublishBatchResponse: ...

    def consume(self, requests: AsyncIterator[ConsumeRequest], context: Context) -> AsyncIterator[ConsumeResponse]: ...

    async def create_topic(self, request: CreateTopicRequest, context: Context) -> CreateTopicResponse: ...

    async def update_topic(self, request: UpdateTopicRequest, context: Context) -> UpdateTopicResponse: ...

    async def describe_topic(self, request: DescribeTopicRequest, context: Context) -> DescribeTopicResponse: ...

    async def list_topics(self, request: ListTopicsRequest, context: Context) -> ListTopicsResponse: ...

    async def delete_topic(self, request: DeleteTopicRequest, context: Context) -> DeleteTopicResponse: ...

    async def purge_topic(self, request: PurgeTopicRequest, context: Context) -> PurgeTopicResponse: ...

    async def create_group(self, request: CreateGroupRequest, context: Context) -> CreateGroupResponse: ...

    async def update_group(self, request: UpdateGroupRequest, context: Context) -> UpdateGroupResponse: ...

    async def describe_group(self, request: DescribeGroupRequest, context: Context) -> DescribeGroupResponse: ...

    async def list_groups(self, request: ListGroupsRequest, context: Context) -> ListGroupsResponse: ...

    async def delete_group(self, request: DeleteGroupRequest, context: Context) -> DeleteGroupResponse: ...

    async def seek(self, request: SeekRequest, context: Context) -> SeekResponse: ...

    async def peek(self, request: PeekRequest, context: Context) -> PeekResponse: ...

    async def redrive(self, request: RedriveRequest, context: Context) -> RedriveResponse: ...

    async def discard(self, request: DiscardRequest, context: Context) -> DiscardResponse: ...


class Receive(Protocol):
    """The capability `receive`: the unary twin of `Consume`."""

    async def receive(self, request: ReceiveRequest, context: Context) -> ReceiveResponse: ...

    async def acknowledge(self, request: AcknowledgeRequest, context: Context) -> AcknowledgeResponse: ...

    async def nack(self, request: NackRequest, context: Context) -> NackResponse: ...

    async def release(self, request: ReleaseRequest, context: Context) -> ReleaseResponse: ...

    async def extend(self, request: ExtendRequest, context: Context) -> ExtendResponse: ...


class AtomicCommit(Protocol):
    """The capability `atomic_commit`."""

    async def commit(self, request: CommitRequest, context: Context) -> CommitResponse: ...


class Cancel(Protocol):
    """The capability `cancel`."""

    async def cancel(self, request: CancelRequest, context: Context) -> CancelResponse: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.queue import QueueCapabilities

    return QueueCapabilities


INTERFACE = Interface.of(
    Queue,
    pb.DESCRIPTOR.services_by_name["Queue"],
    capabilities=_capabilities,
    optional={"receive": Receive, "atomic_commit": AtomicCommit, "cancel": Cancel},
)
