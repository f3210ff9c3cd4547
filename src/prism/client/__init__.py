"""What an application imports to use Prism: `Client` here, the same without `await` in `prism.client.sync`."""

from prism.client.client import Client
from prism.client.headers import Headers, Token
from prism.client.item import Item, Seconds, Value
from prism.client.keyvalue import KeyValue
from prism.client.paging import Page, Pager
from prism.client.results import Chunk, GetResult, PutResult, Swap
from prism.client.retry import RetryPolicy
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
    GatewayUnavailable,
    InternalError,
    InvalidArgument,
    LimitExceeded,
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
    "CallEnded",
    "CallerError",
    "Cancelled",
    "Chunk",
    "Client",
    "Conflict",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "GatewayUnavailable",
    "GetResult",
    "Headers",
    "InternalError",
    "InvalidArgument",
    "Item",
    "KeyValue",
    "LimitExceeded",
    "NamespaceNotFound",
    "Outcome",
    "Page",
    "Pager",
    "PermissionDenied",
    "PrismError",
    "PutResult",
    "RetryPolicy",
    "Seconds",
    "StoreFull",
    "Swap",
    "Token",
    "Unauthenticated",
    "Unimplemented",
    "Value",
    "Violation",
]
