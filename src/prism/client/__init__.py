"""What an application imports to use Prism: `Client` here, the same without `await` in `prism.client.sync`."""

from prism.client.arguments import Seconds
from prism.client.cache import Cache
from prism.client.client import Client
from prism.client.filters import all_of, any_of, field, negated
from prism.client.headers import Headers, Token
from prism.client.item import Chunk, GetResult, Item, PutResult, Swap, Value
from prism.client.keyvalue import KeyValue
from prism.client.message import Gap, Message, Outgoing, PublishResult
from prism.client.paging import Page, Pager
from prism.client.pubsub import PubSub
from prism.client.retry import RetryPolicy
from prism.client.subscription import OnGap, Subscription
from prism.client.values import Json, Other
from prism.errors import (
    AlreadyExists,
    BackendCredentials,
    BackendError,
    BackendUnavailable,
    CallEnded,
    CallerError,
    Cancelled,
    Conflict,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    FellBehind,
    GatewayUnavailable,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    MessagesLost,
    NamespaceNotFound,
    Outcome,
    PermissionDenied,
    PrismError,
    StoreFull,
    Unauthenticated,
    Unimplemented,
    Violation,
)

__all__ = [
    "AlreadyExists",
    "BackendCredentials",
    "BackendError",
    "BackendUnavailable",
    "Cache",
    "CallEnded",
    "CallerError",
    "Cancelled",
    "Chunk",
    "Client",
    "Conflict",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "FellBehind",
    "Gap",
    "GatewayUnavailable",
    "GetResult",
    "Headers",
    "InternalError",
    "InvalidArgument",
    "Item",
    "Json",
    "KeyValue",
    "LimitExceeded",
    "Message",
    "MessagesLost",
    "NamespaceNotFound",
    "OnGap",
    "Other",
    "Outcome",
    "Outgoing",
    "Page",
    "Pager",
    "PermissionDenied",
    "PrismError",
    "PubSub",
    "PublishResult",
    "PutResult",
    "RetryPolicy",
    "Seconds",
    "StoreFull",
    "Subscription",
    "Swap",
    "Token",
    "Unauthenticated",
    "Unimplemented",
    "Value",
    "Violation",
    "all_of",
    "any_of",
    "field",
    "negated",
]
