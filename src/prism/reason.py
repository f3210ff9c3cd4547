"""Every reason that Prism gives with an error: what `ErrorInfo.reason` may hold, stable across releases.

The tables of docs/contract.md, "Errors", are generated from here. A reason that is not here comes from a plugin of
another author, or from a newer release.
"""

import enum
from typing import Self

from prism.wire.grpc.status import Code


class ReasonGroup(enum.Enum):
    """Where a reason is met; the value introduces its table."""

    CALL = "Calls end with these:"
    TRANSPORT = "These come from the transport, before the gateway has seen a call or after its handler has failed:"
    OPERATOR = "These are for operators: the admin port gives them, and the log of a gateway that starts or reloads:"
    PLUGIN = "These travel between a gateway and a plugin in a process of its own:"


_CALL, _TRANSPORT, _OPERATOR, _PLUGIN = ReasonGroup


class Reason(enum.StrEnum):
    """A reason. It is a string, the name of the member.

    Attributes:
        codes: the gRPC statuses that it comes with, nearly always one.
        meaning: what happened.
        remedy: what helps; empty where nothing does.
        group: where it is met.
    """

    codes: tuple[Code, ...]
    meaning: str
    remedy: str
    group: ReasonGroup

    def __new__(
        cls, value: str, codes: Code | tuple[Code, ...], meaning: str, remedy: str = "", group: ReasonGroup = _CALL
    ) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.codes = (codes,) if isinstance(codes, Code) else codes
        member.meaning, member.remedy, member.group = meaning, remedy, group
        return member

    INVALID_ARGUMENT = (
        "INVALID_ARGUMENT",
        Code.INVALID_ARGUMENT,
        "a field is missing, malformed or over its limit; `BadRequest` names each, up to twenty",
        "another request",
    )
    CALLER = "CALLER", Code.INVALID_ARGUMENT, "a plugin refused the request and gave no reason", "another request"
    UNAUTHENTICATED = (
        "UNAUTHENTICATED",
        Code.UNAUTHENTICATED,
        "the call has no credentials, or none that are accepted",
        "valid credentials",
    )
    CREDENTIAL_EXPIRED = (
        "CREDENTIAL_EXPIRED",
        Code.UNAUTHENTICATED,
        "the stream's credential has expired",
        "a new stream with a valid one",
    )
    CREDENTIAL_WITHDRAWN = (
        "CREDENTIAL_WITHDRAWN",
        Code.UNAUTHENTICATED,
        "the issuer has withdrawn the key that signed the stream's token",
        "a new stream with a valid one",
    )
    KEYS_UNAVAILABLE = (
        "KEYS_UNAVAILABLE",
        Code.UNAVAILABLE,
        "the issuer's signing keys are unavailable, so tokens cannot be checked; yours may be valid",
        "waiting",
    )
    PERMISSION_DENIED = (
        "PERMISSION_DENIED",
        Code.PERMISSION_DENIED,
        "no rule allows the caller to do this on this namespace, whether or not there is one",
        "a rule",
    )
    NAMESPACE_NOT_FOUND = (
        "NAMESPACE_NOT_FOUND",
        Code.NOT_FOUND,
        "no namespace of that name is configured",
        "another name, or configuration",
    )
    NAMESPACE_DISABLED = (
        "NAMESPACE_DISABLED",
        Code.UNAVAILABLE,
        "the namespace is disabled for maintenance; nothing was applied",
        "waiting, an operator",
    )
    ALREADY_EXISTS = (
        "ALREADY_EXISTS",
        Code.ALREADY_EXISTS,
        "an idempotency key came again with another payload, or what is to be made exists with another configuration",
        "another key or name",
    )
    FAILED_PRECONDITION = (
        "FAILED_PRECONDITION",
        Code.FAILED_PRECONDITION,
        "the system is not in the state that the request needs",
        "what the message says",
    )
    NOT_A_COUNTER = (
        "NOT_A_COUNTER",
        Code.FAILED_PRECONDITION,
        "the value is not a 64-bit integer, or would leave their range; it stays as it is",
        "another key, or a `Set` to digits",
    )
    TOPIC_NOT_FOUND = (
        "TOPIC_NOT_FOUND",
        Code.NOT_FOUND,
        "the namespace has no topic of that name",
        "another name, or `CreateTopic`",
    )
    GROUP_NOT_FOUND = (
        "GROUP_NOT_FOUND",
        Code.NOT_FOUND,
        "the topic has no group of that name, or has it no longer",
        "another name, or `CreateGroup`",
    )
    RECEIPT_LOST = (
        "RECEIPT_LOST",
        Code.FAILED_PRECONDITION,
        "the message is the caller's no longer: its deadline has passed, it was given back, or its group was moved",
        "working on it when it comes again; extending the lease of long work",
    )
    GROUP_IN_USE = (
        "GROUP_IN_USE",
        Code.FAILED_PRECONDITION,
        "the group has consumers, and this needs that it has none",
        "ending its consumers first",
    )
    COLLECTION_NOT_FOUND = (
        "COLLECTION_NOT_FOUND",
        Code.NOT_FOUND,
        "the namespace has no collection of that name, whatever its store holds",
        "another name, or configuration",
    )
    MAILBOX_NOT_FOUND = (
        "MAILBOX_NOT_FOUND",
        Code.NOT_FOUND,
        "the namespace has no mailbox of that name, or the mailbox no such shard",
        "another name, or `CreateMailbox`",
    )
    STREAM_NOT_FOUND = (
        "STREAM_NOT_FOUND",
        Code.NOT_FOUND,
        "the namespace has no stream of events of that name",
        "another name, or `CreateStream`",
    )
    NODE_NOT_FOUND = (
        "NODE_NOT_FOUND",
        Code.NOT_FOUND,
        "the graph has no node of that id; nothing was written",
        "another id, or `CreateNodes` first",
    )
    NODE_HAS_EDGES = (
        "NODE_HAS_EDGES",
        Code.FAILED_PRECONDITION,
        "the node has edges, or more than may go with it at once; `edges` in the metadata says how many",
        "`CASCADE`, or `DeleteEdges` first",
    )
    CONDITION_FAILED = (
        "CONDITION_FAILED",
        Code.FAILED_PRECONDITION,
        "a change met another number of rows than its `expect_rows`; nothing was written",
        "reading what is there",
    )
    CONSTRAINT_VIOLATED = (
        "CONSTRAINT_VIOLATED",
        Code.FAILED_PRECONDITION,
        "a constraint of the table refuses a row; `constraint` in the metadata names it, nothing was written",
        "another row",
    )
    LEASE_LOST = (
        "LEASE_LOST",
        Code.FAILED_PRECONDITION,
        "a reader is its holder's no longer: the lease has ended, or another one has it",
        "leasing it again",
    )
    CONDITION_NOT_MET = (
        "CONDITION_NOT_MET",
        Code.FAILED_PRECONDITION,
        "`if_match` or `if_none_match` does not hold: another object is under the key, or none",
        "reading what is there",
    )
    UPLOAD_NOT_FOUND = (
        "UPLOAD_NOT_FOUND",
        Code.NOT_FOUND,
        "there is no such upload by parts: it was completed or given up, or has expired",
        "a new upload",
    )
    RANGE_NOT_SATISFIABLE = (
        "RANGE_NOT_SATISFIABLE",
        Code.OUT_OF_RANGE,
        "no byte of the object is in the range; `size` in the metadata is the object's",
        "a range that begins before the end",
    )
    CONTENT_MISMATCH = (
        "CONTENT_MISMATCH",
        Code.INVALID_ARGUMENT,
        "what came has another size or checksum than its sender says; nothing was stored",
        "sending it again",
    )
    TRANSFER_IDLE = (
        "TRANSFER_IDLE",
        Code.DEADLINE_EXCEEDED,
        "no byte of a transfer came, or was taken, for too long",
        "sending or reading faster; an upload by parts, or a range from where it ended",
    )
    POSITION_EXPIRED = (
        "POSITION_EXPIRED",
        Code.OUT_OF_RANGE,
        "messages behind the position that a subscription is to go on from are kept no longer",
        "a subscription from the earliest message, or with `on_gap` SKIP",
    )
    SCHEMA_CHANGED = (
        "SCHEMA_CHANGED",
        Code.FAILED_PRECONDITION,
        "the collection's columns or indexes are not what they were when the cursor was made",
        "reading from the beginning",
    )
    INDEX_MISSING = (
        "INDEX_MISSING",
        Code.FAILED_PRECONDITION,
        "no index serves the sort",
        "another sort, or the index that the message names",
    )
    UNIMPLEMENTED = (
        "UNIMPLEMENTED",
        Code.UNIMPLEMENTED,
        "the backend does not declare what this needs; the message names one that does",
        "another backend",
    )
    LIMIT_EXCEEDED = (
        "LIMIT_EXCEEDED",
        Code.RESOURCE_EXHAUSTED,
        "over a limit of the namespace or the caller; `limit` in the metadata says which, `RetryInfo` when to call "
        "again",
        "waiting; where there is no `RetryInfo`, sending less at once or asking for less time",
    )
    ANSWER_TOO_LARGE = (
        "ANSWER_TOO_LARGE",
        Code.RESOURCE_EXHAUSTED,
        "the answer to a read is larger than one may be",
        "asking for less",
    )
    OVERLOADED = (
        "OVERLOADED",
        Code.UNAVAILABLE,
        "the gateway is overloaded; nothing was applied",
        "another gateway, waiting",
    )
    GATEWAY_UNAVAILABLE = (
        "GATEWAY_UNAVAILABLE",
        Code.UNAVAILABLE,
        "the gateway is draining or cannot be reached",
        "another gateway, waiting",
    )
    BREAKER_OPEN = (
        "BREAKER_OPEN",
        Code.UNAVAILABLE,
        "the circuit breaker of the namespace's backend is open; nothing was applied",
        "waiting",
    )
    BACKEND = "BACKEND", Code.UNAVAILABLE, "a plugin failed and gave no reason", "waiting"
    BACKEND_UNAVAILABLE = "BACKEND_UNAVAILABLE", Code.UNAVAILABLE, "the store does not answer", "waiting"
    BACKEND_CREDENTIALS = (
        "BACKEND_CREDENTIALS",
        Code.UNAVAILABLE,
        "the store refuses the gateway's credentials; yours are fine",
        "an operator",
    )
    PLUGIN_RELOADED = (
        "PLUGIN_RELOADED",
        Code.UNAVAILABLE,
        "another instance serves the namespace now: a stream ends; a call that had to wait for it too long was not "
        "applied",
        "a new stream, or the call again",
    )
    PLUGIN_LOST = (
        "PLUGIN_LOST",
        Code.UNAVAILABLE,
        "the plugin's process has ended or cannot be reached; the gateway restarts or reconnects it",
        "waiting",
    )
    PLUGIN_DEFECTIVE = (
        "PLUGIN_DEFECTIVE",
        Code.INTERNAL,
        "the plugin's answer cannot be understood",
        "a bug report to its author",
    )
    CONFLICT = "CONFLICT", Code.ABORTED, "the store gave up on a transaction in favour of another", "trying again"
    STORE_FULL = "STORE_FULL", Code.RESOURCE_EXHAUSTED, "the store has no room left, or is read-only", "an operator"
    GAP = (
        "GAP",
        (Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE),
        "a subscription has missed messages: with `RESOURCE_EXHAUSTED` it was read too slowly, and metadata `missed` "
        "says how many; with `UNAVAILABLE` the store may have dropped some",
        "subscribing again",
    )
    STREAM_TOO_LONG = (
        "STREAM_TOO_LONG",
        Code.DEADLINE_EXCEEDED,
        "a stream has lasted as long as streams of the namespace may",
        "a new stream",
    )
    DEADLINE_EXCEEDED = (
        "DEADLINE_EXCEEDED",
        Code.DEADLINE_EXCEEDED,
        "the caller's deadline passed, or the namespace's for calls without one",
        "more time, where there may be",
    )
    CANCELLED = "CANCELLED", Code.CANCELLED, "the caller gave up"
    DATA_LOSS = "DATA_LOSS", Code.DATA_LOSS, "what the store holds is damaged", "an operator"
    INTERNAL = "INTERNAL", Code.INTERNAL, "a defect in Prism or a plugin", "a bug report"

    # The names are those of `prism.wire.grpc.status.LocalReply`.
    METHOD_UNKNOWN = (
        "METHOD_UNKNOWN",
        Code.UNIMPLEMENTED,
        "the server has no such method",
        "another path",
        _TRANSPORT,
    )
    HEADERS_TOO_LARGE = (
        "HEADERS_TOO_LARGE",
        Code.RESOURCE_EXHAUSTED,
        "the request's metadata is too large",
        "sending less",
        _TRANSPORT,
    )
    MESSAGE_TOO_LARGE = (
        "MESSAGE_TOO_LARGE",
        Code.RESOURCE_EXHAUSTED,
        "the message is larger than `gateway.max_message_size`",
        "sending less at once",
        _TRANSPORT,
    )
    MESSAGE_INCOMPLETE = (
        "MESSAGE_INCOMPLETE",
        Code.DEADLINE_EXCEEDED,
        "the request did not come whole in time: within 60 s, and a second more for each 16 KiB of it that came",
        "sending faster, or less at once",
        _TRANSPORT,
    )
    MALFORMED_REQUEST = (
        "MALFORMED_REQUEST",
        (Code.INTERNAL, Code.UNIMPLEMENTED),
        "the request is not valid gRPC, or its compression is not known",
        "mending the client",
        _TRANSPORT,
    )
    ANSWERS_NOT_TAKEN = (
        "ANSWERS_NOT_TAKEN",
        Code.RESOURCE_EXHAUSTED,
        "the caller does not read its answers",
        "reading them",
        _TRANSPORT,
    )
    SHUTTING_DOWN = (
        "SHUTTING_DOWN",
        Code.UNAVAILABLE,
        "the gateway is shutting down",
        "another gateway, waiting",
        _TRANSPORT,
    )
    HANDLER_FAILED = (
        "HANDLER_FAILED",
        Code.INTERNAL,
        "a defect in Prism; the gateway's log has the details",
        "a bug report",
        _TRANSPORT,
    )

    CONNECTION_TOO_OLD = (
        "CONNECTION_TOO_OLD",
        Code.UNAVAILABLE,
        "the connection has reached `gateway.max_connection_age`, and the call was still under way after "
        "`gateway.max_connection_age_grace`",
        "making the call again, on another connection",
        _TRANSPORT,
    )
    CONNECTION_FLOODED = (
        "CONNECTION_FLOODED",
        Code.UNAVAILABLE,
        "the client's connection sent too many frames that cost work and carry none (calls that are cancelled at once, "
        "pings, empty frames), or one that took too long, and was ended with its calls",
        "cancelling fewer calls right after they are made; another connection",
        _TRANSPORT,
    )

    CONFIG_INVALID = (
        "CONFIG_INVALID",
        Code.INVALID_ARGUMENT,
        "the configuration cannot be used; nothing of it was applied",
        "correcting what the message names",
        _OPERATOR,
    )
    CONFIGURATION_INVALID = (
        "CONFIGURATION_INVALID",
        Code.FAILED_PRECONDITION,
        "a reload found a configuration that cannot be used; everything is served as before",
        "correcting what the message names, and another reload",
        _OPERATOR,
    )
    RELOAD_FAILED = (
        "RELOAD_FAILED",
        Code.FAILED_PRECONDITION,
        "the new instance cannot serve; the old one still does",
        "what the message says",
        _OPERATOR,
    )
    PLUGIN_NOT_FOUND = (
        "PLUGIN_NOT_FOUND",
        Code.NOT_FOUND,
        "no plugin of that name is installed",
        "another name, or installing it",
        _OPERATOR,
    )
    PLUGIN_VERSION = (
        "PLUGIN_VERSION",
        Code.FAILED_PRECONDITION,
        "the plugin is installed in another version than was asked for",
        "installing that version",
        _OPERATOR,
    )
    DRIVER_MISSING = (
        "DRIVER_MISSING",
        Code.FAILED_PRECONDITION,
        "a Python package that the backend needs is not installed",
        "the `pip install` of the message",
        _OPERATOR,
    )
    PLUGIN_NOT_TRUSTED = (
        "PLUGIN_NOT_TRUSTED",
        Code.FAILED_PRECONDITION,
        "every user of the machine may change the plugin's files, so it is not run",
        "the `chmod` of the message",
        _OPERATOR,
    )
    PLUGIN_NOT_STARTED = (
        "PLUGIN_NOT_STARTED",
        Code.FAILED_PRECONDITION,
        "the plugin's process did not start; the message says what it printed",
        "what the message says",
        _OPERATOR,
    )
    NOT_FOR_WEB_PAGES = (
        "NOT_FOR_WEB_PAGES",
        Code.PERMISSION_DENIED,
        "a web page called the admin port; the audit trail has it",
        "a command line",
        _OPERATOR,
    )

    INSTANCE_UNKNOWN = (
        "INSTANCE_UNKNOWN",
        Code.FAILED_PRECONDITION,
        "the plugin has no such instance, most often because it was restarted",
        "`Initialize`, which a gateway does by itself",
        _PLUGIN,
    )
    INSTANCE_DIFFERS = (
        "INSTANCE_DIFFERS",
        Code.FAILED_PRECONDITION,
        "an instance of that name runs with other options",
        "`Shutdown` of it, or another name",
        _PLUGIN,
    )
    PROTOCOL_VERSION = (
        "PROTOCOL_VERSION",
        Code.FAILED_PRECONDITION,
        "gateway and plugin have no version of the plugin protocol in common",
        "upgrading the older of the two",
        _PLUGIN,
    )
