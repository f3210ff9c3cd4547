"""The two ways to an OTLP receiver: gRPC over our own transport, and HTTP.

Source: OpenTelemetry Protocol 1.x, "OTLP/gRPC Response" and "OTLP/HTTP Response": which failures may be tried again.
"""

import asyncio
import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from prism.errors import FailedPrecondition
from prism.wire import Channel, Code, Deadline, Metadata, StatusError
from prism.wire.tls import client_context

TIMEOUT: Final = 10.0
"""Seconds that a receiver is given for one request."""

_GRPC_PATH: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_HTTP_PATH: Final = "/v1/traces"
_TRY_AGAIN: Final = frozenset(
    {
        Code.CANCELLED,
        Code.DEADLINE_EXCEEDED,
        Code.ABORTED,
        Code.OUT_OF_RANGE,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
        Code.RESOURCE_EXHAUSTED,
    }
)
_TRY_AGAIN_HTTP: Final = frozenset({408, 429, 502, 503, 504})
_SHOWN: Final = 200


class Unreachable(Exception):
    """The receiver does not answer, or asks to retry later: the same may be sent again."""


class Refused(Exception):
    """The receiver will never take this."""


class Sender(Protocol):
    """A way to a receiver."""

    async def send(self, request: bytes) -> bytes:
        """Sends one export request; the response.

        Raises:
            Unreachable, Refused: with a sentence.
        """
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where an OTLP receiver is.

    Attributes:
        endpoint: `http://host:port` or `https://host:port`; for HTTP it may have a path, to which `/v1/traces` is added
            where it does not end so.
        protocol: of OTLP.
        headers: sent with each request; may hold a key.
        ca: certificates that the receiver's is verified by; the system's without.
        exact: the endpoint's path, if it has one, is the whole path for traces; by OpenTelemetry's rule that holds for
            `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, while `OTEL_EXPORTER_OTLP_ENDPOINT` is a base.
    """

    endpoint: str
    protocol: Literal["grpc", "http"] = "grpc"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: Path | None = None
    exact: bool = False

    @property
    def http_path(self) -> str:
        """Where OTLP/HTTP takes traces.

        Source: OpenTelemetry, "OTLP Exporter Configuration", Endpoint URLs for OTLP/HTTP.
        """
        path = urlsplit(self.endpoint).path
        if self.exact and path.strip("/"):
            return path
        base = path.rstrip("/")
        return base if base.endswith(_HTTP_PATH) else base + _HTTP_PATH

    def sender(self) -> Sender:
        """A way there.

        Raises:
            OSError: the certificates cannot be read.
            FailedPrecondition: what encodes spans is not installed.
        """
        if find_spec("opentelemetry") is None or find_spec("opentelemetry.proto") is None:
            raise FailedPrecondition("traces need the extra otlp: pip install 'prism-gateway[otlp]'")
        tls = client_context(self.ca) if self.endpoint.startswith("https:") else None
        return GrpcSender(self, tls) if self.protocol == "grpc" else HttpSender(self, tls)


class GrpcSender:
    """OTLP/gRPC."""

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext | None) -> None:
        where = urlsplit(receiver.endpoint)
        host = f"[{where.hostname}]" if ":" in (where.hostname or "") else where.hostname
        self._channel = Channel(f"{host}:{where.port or 4317}", tls=tls)
        self._metadata = Metadata(receiver.headers.items())

    async def send(self, request: bytes) -> bytes:
        deadline = Deadline.after(TIMEOUT)
        try:
            return await self._channel.unary(_GRPC_PATH, request, metadata=self._metadata, deadline=deadline)
        except StatusError as error:
            kind = Unreachable if error.status.code in _TRY_AGAIN else Refused
            raise kind(f"{error.status.code.name}: {error.status.message[:_SHOWN]}") from error

    async def close(self) -> None:
        await self._channel.close()


class HttpSender:
    """OTLP/HTTP with protobuf bodies, a connection per request: a request holds hundreds of spans."""

    def __init__(self, receiver: Receiver, tls: ssl.SSLContext | None) -> None:
        where = urlsplit(receiver.endpoint)
        self._host = where.hostname or ""
        self._port = where.port or 4318
        self._path = receiver.http_path
        self._headers = {**receiver.headers, "content-type": "application/x-protobuf"}
        self._tls = tls
        if tls is not None:
            tls.set_alpn_protocols(["http/1.1"])

    async def send(self, request: bytes) -> bytes:
        return await asyncio.to_thread(self._post, request)

    async def close(self) -> None:
        """Does nothing: no connection is kept."""

    def _post(self, request: bytes) -> bytes:
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        else:
            connection = http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT, context=self._tls)
        try:
            connection.request("POST", self._path, request, self._headers)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self._host}:{self._port} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status == http.client.OK:
            return body
        kind = Unreachable if response.status in _TRY_AGAIN_HTTP else Refused
        raise kind(f"HTTP {response.status} {response.reason}")
