"""The client in an application that uses OpenTelemetry, by the stock SDK."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState, use_span

from client.upstream import Fault, Upstream
from prism.client import Client, KeyValue
from prism.client.sync import Client as BlockingClient
from prism.errors import NamespaceNotFound

GET = "prism.data.v1.KeyValue/Get"
REMOTE = SpanContext(0x4BF92F, 0xF067AA, True, TraceFlags(1), TraceState([("vendor", "1")]))


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What the application's own provider exports; the global one can be set but once in a process."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    (span,) = exporter.get_finished_spans()
    return span


async def test_a_call_is_a_span_and_the_gateway_learns_of_it(
    upstream: Upstream, kv: KeyValue, exported: InMemorySpanExporter
) -> None:
    """A client span under the application's current one, whose context travels with the call."""
    with use_span(NonRecordingSpan(REMOTE)):
        await kv.get("r", b"k")
    span = only(exported)
    assert (span.name, span.kind, span.parent) == (GET, SpanKind.CLIENT, REMOTE)
    assert span.status.status_code is StatusCode.UNSET
    metadata = upstream.seen[-1].metadata
    assert metadata.get("traceparent") == f"00-{REMOTE.trace_id:032x}-{span.context.span_id:016x}-01"
    assert metadata.get("tracestate") == "vendor=1"


async def test_a_stream_is_a_span(upstream: Upstream, kv: KeyValue, exported: InMemorySpanExporter) -> None:
    """From its beginning to its end."""
    await kv.put("r", {b"k%d" % number: b"v" for number in range(3)})
    exported.clear()
    assert [chunk async for chunk in kv.scan_stream("r")]
    assert only(exported).name == "prism.data.v1.KeyValue/ScanStream"
    assert "traceparent" in upstream.seen[-1].metadata


async def test_failures_are_told(upstream: Upstream, exported: InMemorySpanExporter) -> None:
    """With the reason and the status of the contract."""
    upstream.faults.append(Fault(NamespaceNotFound("there is none")))
    async with Client(upstream.address) as prism:
        with pytest.raises(NamespaceNotFound):
            await prism.keyvalue("nowhere").get("r", b"k")
    span = only(exported)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert (span.attributes["error.type"], span.attributes["rpc.grpc.status_code"]) == ("NAMESPACE_NOT_FOUND", 5)


async def test_the_applications_own_header_wins(upstream: Upstream, exported: InMemorySpanExporter) -> None:
    """Whoever sends a `traceparent` by hand knows better."""
    own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with Client(upstream.address, headers={"traceparent": own}) as prism:
        await prism.keyvalue().get("r", b"k")
    assert upstream.seen[-1].metadata.get_all("traceparent") == (own,)


async def test_with_the_api_alone_the_current_context_is_passed_on(upstream: Upstream, kv: KeyValue) -> None:
    """No SDK makes spans then; the caller's is the parent of the gateway's. Without a current span nothing is sent."""
    await kv.get("r", b"k")
    assert "traceparent" not in upstream.seen[-1].metadata
    with use_span(NonRecordingSpan(REMOTE)):
        await kv.get("r", b"k")
    assert upstream.seen[-1].metadata.get("traceparent") == f"00-{REMOTE.trace_id:032x}-{REMOTE.span_id:016x}-01"


async def test_the_blocking_client_has_its_callers_context(upstream: Upstream, exported: InMemorySpanExporter) -> None:
    """Its calls run on another thread, in the trace of the one that made them."""

    def call() -> None:
        with BlockingClient(upstream.address) as prism, use_span(NonRecordingSpan(REMOTE)):
            prism.keyvalue().get("r", b"k")

    await asyncio.to_thread(call)
    assert only(exported).parent == REMOTE
