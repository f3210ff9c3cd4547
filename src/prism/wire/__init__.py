"""gRPC over HTTP/2 for asyncio: server and client. It knows nothing of Prism and could be a library of its own.

Each half is imported when it is first asked for: importing a client takes a fifth less without the server's, and many
a server calls nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from prism.wire.config import ChannelConfig, ServerConfig
from prism.wire.grpc.deadline import Deadline
from prism.wire.grpc.metadata import EMPTY_METADATA, KnownFields, Metadata
from prism.wire.grpc.status import Code, LocalReply, Status, StatusError
from prism.wire.peer import Certificate, Peer, UnixCredentials
from prism.wire.tls import client_context, server_context

if TYPE_CHECKING:
    from prism.wire.client.call import ClientCall
    from prism.wire.client.channel import Channel, ChannelState
    from prism.wire.http.message import HttpHandler, HttpRequest, HttpResponse
    from prism.wire.server.call import ServerCall
    from prism.wire.server.local_reply import LocalReplyFormatter
    from prism.wire.server.method import Handler, Method
    from prism.wire.server.server import Server
else:
    _HOMES = {
        **dict.fromkeys(("Channel", "ChannelState"), "prism.wire.client.channel"),
        **dict.fromkeys(("HttpHandler", "HttpRequest", "HttpResponse"), "prism.wire.http.message"),
        **dict.fromkeys(("Handler", "Method"), "prism.wire.server.method"),
        "ClientCall": "prism.wire.client.call",
        "LocalReplyFormatter": "prism.wire.server.local_reply",
        "Server": "prism.wire.server.server",
        "ServerCall": "prism.wire.server.call",
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
    "LocalReply",
    "LocalReplyFormatter",
    "Metadata",
    "Method",
    "Peer",
    "Server",
    "ServerCall",
    "ServerConfig",
    "Status",
    "StatusError",
    "UnixCredentials",
    "client_context",
    "server_context",
]
