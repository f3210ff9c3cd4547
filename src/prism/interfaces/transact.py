"""Transact: rows and the messages about them in one transaction. What each operation means: transact.proto.

In this module the abstraction's messages go by their short names: `WriteRequest` is `TransactWriteRequest` on the wire.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from prism._proto.data.v1 import transact_pb2 as pb
from prism._proto.data.v1.transact_pb2 import TransactAborted as Aborted
from prism._proto.data.v1.transact_pb2 import TransactAckMailboxRequest as AckMailboxRequest
from prism._proto.data.v1.transact_pb2 import TransactAckMailboxResponse as AckMailboxResponse
from prism._proto.data.v1.transact_pb2 import TransactBegin as Begin
from prism._proto.data.v1.transact_pb2 import TransactCommitted as Committed
from prism._proto.data.v1.transact_pb2 import TransactCreateMailboxRequest as CreateMailboxRequest
from prism._proto.data.v1.transact_pb2 import TransactCreateMailboxResponse as CreateMailboxResponse
from prism._proto.data.v1.transact_pb2 import TransactData as Data
from prism._proto.data.v1.transact_pb2 import TransactDead as Dead
from prism._proto.data.v1.transact_pb2 import TransactDeleteReaderRequest as DeleteReaderRequest
from prism._proto.data.v1.transact_pb2 import TransactDeleteReaderResponse as DeleteReaderResponse
from prism._proto.data.v1.transact_pb2 import TransactDescribeMailboxRequest as DescribeMailboxRequest
from prism._proto.data.v1.transact_pb2 import TransactDescribeMailboxResponse as DescribeMailboxResponse
from prism._proto.data.v1.transact_pb2 import TransactDiscardDeadRequest as DiscardDeadRequest
from prism._proto.data.v1.transact_pb2 import TransactDiscardDeadResponse as DiscardDeadResponse
from prism._proto.data.v1.transact_pb2 import TransactIsolation as Isolation
from prism._proto.data.v1.transact_pb2 import TransactLeaseReaderRequest as LeaseReaderRequest
from prism._proto.data.v1.transact_pb2 import TransactLeaseReaderResponse as LeaseReaderResponse
from prism._proto.data.v1.transact_pb2 import TransactListDeadRequest as ListDeadRequest
from prism._proto.data.v1.transact_pb2 import TransactListDeadResponse as ListDeadResponse
from prism._proto.data.v1.transact_pb2 import TransactListMailboxesRequest as ListMailboxesRequest
from prism._proto.data.v1.transact_pb2 import TransactListMailboxesResponse as ListMailboxesResponse
from prism._proto.data.v1.transact_pb2 import TransactMail as Mail
from prism._proto.data.v1.transact_pb2 import TransactMailboxConfig as MailboxConfig
from prism._proto.data.v1.transact_pb2 import TransactMailed as Mailed
from prism._proto.data.v1.transact_pb2 import TransactMessage as Message
from prism._proto.data.v1.transact_pb2 import TransactOp as Op
from prism._proto.data.v1.transact_pb2 import TransactRead as Read
from prism._proto.data.v1.transact_pb2 import TransactReadEnd as ReadEnd
from prism._proto.data.v1.transact_pb2 import TransactReaderInfo as ReaderInfo
from prism._proto.data.v1.transact_pb2 import TransactReaderShard as ReaderShard
from prism._proto.data.v1.transact_pb2 import TransactReadMailboxRequest as ReadMailboxRequest
from prism._proto.data.v1.transact_pb2 import TransactReadMailboxResponse as ReadMailboxResponse
from prism._proto.data.v1.transact_pb2 import TransactRedriveDeadRequest as RedriveDeadRequest
from prism._proto.data.v1.transact_pb2 import TransactRedriveDeadResponse as RedriveDeadResponse
from prism._proto.data.v1.transact_pb2 import TransactResult as Result
from prism._proto.data.v1.transact_pb2 import TransactRow as Row
from prism._proto.data.v1.transact_pb2 import TransactRows as Rows
from prism._proto.data.v1.transact_pb2 import TransactSetAside as SetAside
from prism._proto.data.v1.transact_pb2 import TransactShardInfo as ShardInfo
from prism._proto.data.v1.transact_pb2 import TransactStep as Step
from prism._proto.data.v1.transact_pb2 import TransactTransactionRequest as TransactionRequest
from prism._proto.data.v1.transact_pb2 import TransactTransactionResponse as TransactionResponse
from prism._proto.data.v1.transact_pb2 import TransactWriteRequest as WriteRequest
from prism._proto.data.v1.transact_pb2 import TransactWriteResponse as WriteResponse
from prism._proto.data.v1.transact_pb2 import TransactWritten as Written
from prism.context import Context
from prism.interfaces.operation import Interface

if TYPE_CHECKING:
    from prism.interfaces.capabilities import Capabilities

__all__ = [
    "INTERFACE",
    "Aborted",
    "AckMailboxRequest",
    "AckMailboxResponse",
    "Begin",
    "Committed",
    "Context",
    "CreateMailboxRequest",
    "CreateMailboxResponse",
    "Data",
    "Dead",
    "DeleteReaderRequest",
    "DeleteReaderResponse",
    "DescribeMailboxRequest",
    "DescribeMailboxResponse",
    "DiscardDeadRequest",
    "DiscardDeadResponse",
    "Interactive",
    "Isolation",
    "LeaseReaderRequest",
    "LeaseReaderResponse",
    "ListDeadRequest",
    "ListDeadResponse",
    "ListMailboxesRequest",
    "ListMailboxesResponse",
    "Mail",
    "MailboxConfig",
    "Mailed",
    "Message",
    "Op",
    "Read",
    "ReadEnd",
    "ReadMailboxRequest",
    "ReadMailboxResponse",
    "ReaderInfo",
    "ReaderShard",
    "RedriveDeadRequest",
    "RedriveDeadResponse",
    "Result",
    "Row",
    "Rows",
    "SetAside",
    "ShardInfo",
    "Step",
    "Transact",
    "TransactionRequest",
    "TransactionResponse",
    "WriteRequest",
    "WriteResponse",
    "Written",
]


class Transact(Protocol):
    """What every backend implements to serve Transact; requests arrive valid by the rules in the .proto.

    What a rule cannot say, and all that is not a store, is done once in `prism.sdk.transact`.
    """

    async def write(self, request: WriteRequest, context: Context) -> WriteResponse: ...

    async def create_mailbox(self, request: CreateMailboxRequest, context: Context) -> CreateMailboxResponse: ...

    async def describe_mailbox(self, request: DescribeMailboxRequest, context: Context) -> DescribeMailboxResponse: ...

    async def list_mailboxes(self, request: ListMailboxesRequest, context: Context) -> ListMailboxesResponse: ...

    def read_mailbox(self, request: ReadMailboxRequest, context: Context) -> AsyncIterator[ReadMailboxResponse]: ...

    async def ack_mailbox(self, request: AckMailboxRequest, context: Context) -> AckMailboxResponse: ...

    async def lease_reader(self, request: LeaseReaderRequest, context: Context) -> LeaseReaderResponse: ...

    async def delete_reader(self, request: DeleteReaderRequest, context: Context) -> DeleteReaderResponse: ...

    async def list_dead(self, request: ListDeadRequest, context: Context) -> ListDeadResponse: ...

    async def redrive_dead(self, request: RedriveDeadRequest, context: Context) -> RedriveDeadResponse: ...

    async def discard_dead(self, request: DiscardDeadRequest, context: Context) -> DiscardDeadResponse: ...


class Interactive(Protocol):
    """The capability `interactive`."""

    def transaction(
        self, requests: AsyncIterator[TransactionRequest], context: Context
    ) -> AsyncIterator[TransactionResponse]: ...


def _capabilities() -> "type[Capabilities]":
    from prism.interfaces.capabilities.transact import TransactCapabilities

    return TransactCapabilities


INTERFACE = Interface.of(
    Transact,
    pb.DESCRIPTOR.services_by_name["Transact"],
    capabilities=_capabilities,
    optional={"interactive": Interactive},
)
