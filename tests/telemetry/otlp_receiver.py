"""Real receivers of OTLP for tests: the stock gRPC service, and HTTP; they say when something has arrived."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import trustme
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as service
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Received:
    """One span, with what was said of the process that it is of."""

    span: Span
    resource: dict[str, str]

    @property
    def attributes(self) -> dict[str, Any]:
        return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in self.span.attributes}

    @property
    def trace_id(self) -> str:
        return str(self.span.trace_id.hex())

    @property
    def span_id(self) -> str:
        return str(self.span.span_id.hex())

    @property
    def parent_id(self) -> str:
        return str(self.span.parent_span_id.hex())


@dataclass
class Box:
    """What has arrived; filled by a receiver's thread."""

    spans: list[Received] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    requests: int = 0
    answer: Callable[[int], pb.ExportTraceServiceResponse] = lambda _: pb.ExportTraceServiceResponse()
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, request: pb.ExportTraceServiceRequest, headers: dict[str, str]) -> pb.ExportTraceServiceResponse:
        with self.arrived:
            self.requests += 1
            self.headers.append(headers)
            answer = self.answer(self.requests)
            for each in request.resource_spans:
                about = {pair.key: pair.value.string_value for pair in each.resource.attributes}
                self.spans += [Received(span, about) for scope in each.scope_spans for span in scope.spans]
            self.arrived.notify_all()
        return answer

    def wait(self, condition: Callable[[Sequence[Received]], bool], seconds: float = 20.0) -> list[Received]:
        """The spans, once the condition holds."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: condition(self.spans), seconds), (
                f"of the spans waited for came {[each.span.name for each in self.spans]}"
            )
            return list(self.spans)

    async def until(self, condition: Callable[[Sequence[Received]], bool]) -> list[Received]:
        """The same for a test that has an event loop."""
        return await asyncio.to_thread(self.wait, condition)


class _Service(service.TraceServiceServicer):
    def __init__(self, box: Box) -> None:
        self._box = box

    def Export(self, request: pb.ExportTraceServiceRequest, context: Any) -> pb.ExportTraceServiceResponse:  # noqa: N802  # gRPC's name
        return self._box.take(request, dict(context.invocation_metadata()))


@contextlib.contextmanager
def grpc_receiver(box: Box, port: int = 0, certificate: trustme.LeafCert | None = None) -> Iterator[int]:
    """A receiver for the length of a block, with TLS where it has a certificate; its port."""
    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    service.add_TraceServiceServicer_to_server(_Service(box), server)
    if certificate is None:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    else:
        chain = b"".join(each.bytes() for each in certificate.cert_chain_pems)
        tls = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
        port = server.add_secure_port(f"127.0.0.1:{port}", tls)
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@contextlib.contextmanager
def http_receiver(
    box: Box, status: Callable[[int], int] = lambda _: 200, certificate: trustme.LeafCert | None = None
) -> Iterator[int]:
    """The same over HTTP; `status` is asked for the number of each request."""
    numbers = iter(range(1, 1 << 30))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["content-length"]))
            code, answer = status(next(numbers)), b""
            if code == 200:
                assert self.path.endswith("/v1/traces") or self.path == "/spans"
                assert self.headers["content-type"] == "application/x-protobuf"
                box.paths.append(self.path)
                request = pb.ExportTraceServiceRequest.FromString(body)
                answer = box.take(request, {k.lower(): v for k, v in self.headers.items()}).SerializeToString()
            self.send_response(code)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.asynccontextmanager
async def receiving(box: Box, port: int = 0) -> AsyncIterator[int]:
    """`grpc_receiver` where there is an event loop, which goes on meanwhile."""
    manager = grpc_receiver(box, port)
    port = await asyncio.to_thread(manager.__enter__)
    try:
        yield port
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)
