"""gRPC over HTTP/2 for asyncio: server and client. It knows nothing of Prism and could be a library of its own.

The server's half is imported when it is first asked for: importing the client takes a fifth less without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prism.wire.channel import Channel, ChannelState
from prism.wire.client_call import ClientCall
from prism.wire.config import ChannelConfig, ServerConfig
from prism.wire.deadline import Deadline
from prism.wire.metadata import EMPTY_METADATA, KnownFields, Metadata
from prism.wire.peer import Certificate, Peer, UnixCredentials
from prism.wire.status import Code, Refusal, Status, StatusError
from prism.wire.tls import client_context, server_context

if TYPE_CHECKING:
    from prism.wire.http import HttpHandler, HttpRequest, HttpResponse
    from prism.wire.method import Handler, Method
    from prism.wire.refusal import Refusals
    from prism.wire.server import Server
    from prism.wire.server_call import ServerCall
else:
    _HOMES = {
        **dict.fromkeys(("HttpHandler", "HttpRequest", "HttpResponse"), "prism.wire.http"),
        **dict.fromkeys(("Handler", "Method"), "prism.wire.method"),
        "Refusals": "prism.wire.refusal",
        "Server": "prism.wire.server",
        "ServerCall": "prism.wire.server_call",
    }

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "EMPTY_METADATA",
    "Certificate",
    "Channel",
    "ChannelConfig",
    "ChannelState",
    "ClientCall",
    "Code",
    "Deadline",
    "Handler",
    "HttpHandler",
    "HttpRequest",
    "HttpResponse",
    "KnownFields",
    "Metadata",
    "Method",
    "Peer",
    "Refusal",
    "Refusals",
    "Server",
    "ServerCall",
    "ServerConfig",
    "Status",
    "StatusError",
    "UnixCredentials",
    "client_context",
    "server_context",
]
