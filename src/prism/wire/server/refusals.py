"""What a server's connection itself answers to requests that reach no handler, or that a handler left."""

from typing import Final

from prism.wire.grpc.status import Code, LocalReply, Status

POST_ONLY: Final = Status(Code.INTERNAL, "gRPC requests are POST", local_reply=LocalReply.MALFORMED_REQUEST)
GRPC_ONLY: Final = Status(
    Code.INTERNAL,
    "this server speaks gRPC: send content-type application/grpc",
    local_reply=LocalReply.MALFORMED_REQUEST,
)
NO_MESSAGE: Final = Status(
    Code.UNIMPLEMENTED,
    "this method takes exactly one message, and none came",
    local_reply=LocalReply.MALFORMED_REQUEST,
)
BAD_TIMEOUT: Final = Status(
    Code.INTERNAL,
    "grpc-timeout is malformed: send one to eight digits and one of HMSmun",
    local_reply=LocalReply.MALFORMED_REQUEST,
)
BAD_ENCODING: Final = Status(
    Code.UNIMPLEMENTED, "unknown grpc-encoding: use gzip or identity", local_reply=LocalReply.MALFORMED_REQUEST
)
HANDLER_FAILED: Final = Status(
    Code.INTERNAL, "the handler failed: the server's log says why", local_reply=LocalReply.HANDLER_FAILED
)
INCOMPLETE: Final = Status(
    Code.DEADLINE_EXCEEDED,
    "the request did not come whole in time: send it faster, or less at once",
    local_reply=LocalReply.MESSAGE_INCOMPLETE,
)
TOO_OLD: Final = Status(
    Code.UNAVAILABLE,
    "the connection has reached its longest life, and the call did not end in the time after it: make it again",
    local_reply=LocalReply.CONNECTION_TOO_OLD,
)
SHUTTING_DOWN: Final = Status(
    Code.UNAVAILABLE, "the server is shutting down: retry, or use another server", local_reply=LocalReply.SHUTTING_DOWN
)
