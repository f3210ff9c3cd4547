"""gRPC over HTTP/2 for asyncio: server and client. It knows nothing of Prism and could be a library of its own."""

from prism.wire.channel import Channel, ChannelState
from prism.wire.client_call import ClientCall
from prism.wire.config import ChannelConfig, ServerConfig
from prism.wire.deadline import Deadline
from prism.wire.http import HttpHandler, HttpRequest, HttpResponse
from prism.wire.metadata import EMPTY_METADATA, Metadata
from prism.wire.peer import Certificate, Peer, UnixCredentials
from prism.wire.server import Server
from prism.wire.server_call import Handler, Method, ServerCall
from prism.wire.status import Code, Status, StatusError
from prism.wire.tls import client_context, server_context

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
