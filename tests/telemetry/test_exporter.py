"""Spans on their way to a real OTLP receiver: what is sent, and what becomes of it when the receiver is not there."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from prism.acceptance.store.held_port import HeldPort
from prism.telemetry.tracing import exporter as module
from prism.telemetry.tracing.exporter import SpanExporter
from prism.telemetry.tracing.otlp_sender import Receiver
from prism.telemetry.tracing.span import Span, SpanKind
from telemetry.otlp_receiver import Box, grpc_receiver, http_receiver, receiving

RESOURCE = {"service.name": "prism-gateway", "service.instance.id": "1"}


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans go at once."""
    monkeypatch.setattr(module, "LINGER", 0.0)
    monkeypatch.setattr(module, "MAX_PAUSE", 0.05)


@pytest.fixture
def box() -> Box:
    """What the receiver got."""
    return Box()


@pytest.fixture
def free_port() -> HeldPort:
    """A port where nobody listens, unless the test does."""
    return HeldPort()


@asynccontextmanager
async def exporting(port: int, *, queue: int = 100, **options: object) -> AsyncIterator[SpanExporter]:
    """An exporter to a receiver on this machine."""
    receiver = {"endpoint": f"http://127.0.0.1:{port}", **options}
    sender = Receiver(**receiver).sender()  # type: ignore[arg-type]  # given by the test
    exporter = SpanExporter(sender, RESOURCE, queue=queue, first_pause=0.01)
    exporter.start()
    try:
        yield exporter
    finally:
        await exporter.close()


async def taken(exporter: SpanExporter, count: int) -> None:
    """Waits until so many spans are known to have arrived: their receiver may go then."""
    while exporter.sent < count:  # noqa: ASYNC110  # a counter tells of no change
        await asyncio.sleep(0.005)


async def told_of_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Waits for the line of the log that says that spans cannot be sent."""
    while not any("cannot be sent" in record.getMessage() for record in caplog.records):  # noqa: ASYNC110  # nothing else tells of it
        await asyncio.sleep(0.005)


def span(name: str = "span", **changes: object) -> Span:
    """A span of now."""
    now = time.time_ns()
    fields: dict[str, object] = {"trace_id": "4b" * 16, "span_id": "01" * 8, "parent_id": "", "start": now - 5}
    return Span(name=name, kind=SpanKind.SERVER, end=now, **fields | changes)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_span_arrives_as_it_is(box: Box, protocol: str) -> None:
    """Ids, names, times, attributes of every kind, the error and the process; and the headers of the request."""
    sent = span(
        parent_id="02" * 8,
        state="vendor=1",
        attributes={"text": "a", "number": 1, "real": 0.5, "truth": True},
        error="it failed",
    )
    headers = {"api-key": "k"}
    if protocol == "grpc":
        async with receiving(box) as port, exporting(port, headers=headers) as exporter:
            exporter.put(sent)
            await taken(exporter, 1)
    else:
        with http_receiver(box) as port:
            async with exporting(port, headers=headers, protocol="http") as exporter:
                exporter.put(sent)
                await taken(exporter, 1)
    (received,) = box.spans
    assert (received.trace_id, received.span_id, received.parent_id) == ("4b" * 16, "01" * 8, "02" * 8)
    got = received.span
    assert (got.name, got.kind, got.trace_state) == ("span", 2, "vendor=1")
    assert (got.start_time_unix_nano, got.end_time_unix_nano) == (sent.start, sent.end)
    assert (got.status.code, got.status.message) == (Status.STATUS_CODE_ERROR, "it failed")
    assert received.attributes == sent.attributes
    assert received.resource == RESOURCE
    assert box.headers[0]["api-key"] == "k"
    assert exporter.sent == 1
    assert sum(exporter.lost.values()) == 0


@pytest.mark.parametrize(
    ("path", "exact", "asked"),
    [
        ("", False, "/v1/traces"),
        ("/", False, "/v1/traces"),
        ("/otlp", False, "/otlp/v1/traces"),
        ("/otlp/", False, "/otlp/v1/traces"),
        ("/v1/traces", False, "/v1/traces"),
        ("/otlp/v1/traces/", False, "/otlp/v1/traces"),
        ("", True, "/v1/traces"),
        ("/spans", True, "/spans"),
    ],
)
async def test_the_endpoint_of_http_is_a_base(box: Box, path: str, exact: bool, asked: str) -> None:
    """As OpenTelemetry has it: the path for traces is added, but to an endpoint that is said to be that of traces."""
    with http_receiver(box) as port:
        endpoint = f"http://127.0.0.1:{port}{path}"
        async with exporting(port, endpoint=endpoint, protocol="http", exact=exact) as exporter:
            exporter.put(span())
            await taken(exporter, 1)
    assert box.paths == [asked]


async def test_the_receiver_is_down_at_the_start(
    box: Box, free_port: HeldPort, caplog: pytest.LogCaptureFixture
) -> None:
    """Spans wait for it, the log says so once, and says when it is there."""
    caplog.set_level(logging.INFO)
    async with exporting(free_port.number) as exporter:
        exporter.put(span("early"))
        await told_of_failure(caplog)
        async with receiving(box, free_port.number):
            exporter.put(span("late"))
            await taken(exporter, 2)
    assert [each.span.name for each in box.spans] == ["early", "late"]
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2
    assert texts[0].startswith("traces cannot be sent to the OTLP receiver: UNAVAILABLE")
    assert texts[1] == "traces are sent to the OTLP receiver again"
    assert exporter.sent == 2


async def test_the_receiver_goes_down_and_comes_back(
    box: Box, free_port: HeldPort, caplog: pytest.LogCaptureFixture
) -> None:
    """What is made meanwhile arrives later, each span once."""
    again = Box()
    async with exporting(free_port.number) as exporter:
        async with receiving(box, free_port.number):
            exporter.put(span("before"))
            await taken(exporter, 1)
        exporter.put(span("during"))
        await told_of_failure(caplog)
        async with receiving(again, free_port.number):
            exporter.put(span("after"))
            await taken(exporter, 3)
    assert [each.span.name for each in box.spans + again.spans] == ["before", "during", "after"]
    assert exporter.sent == 3


async def test_a_full_queue_loses_the_newest_and_counts_them(free_port: HeldPort) -> None:
    """Memory is bounded while the receiver is away; the metrics say what it cost."""
    async with exporting(free_port.number, queue=100) as exporter:
        for _ in range(150):
            exporter.put(span())
        metrics = {each.name: each.values for each in exporter.metrics()}
        assert metrics["prism_spans_queue_length"] == {(): 100}
        assert metrics["prism_spans_lost"] == {("queue_full",): 50, ("refused",): 0, ("shutdown",): 0}
    assert exporter.lost == {"queue_full": 50, "refused": 0, "shutdown": 100}


async def test_what_the_receiver_takes_in_part_is_counted(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """OTLP's partial success: those are lost, and not sent again."""

    def some(_number: int) -> ExportTraceServiceResponse:
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = 2
        answer.partial_success.error_message = "too old"
        return answer

    box.answer = some
    async with receiving(box) as port, exporting(port) as exporter:
        for _ in range(3):
            exporter.put(span())
        await box.until(lambda spans: len(spans) == 3)
    assert (exporter.sent, exporter.lost["refused"], box.requests) == (1, 2, 1)
    assert "the OTLP receiver refused 2 of 3 trace spans, which are lost: too old" in caplog.text


async def test_what_is_no_receiver_is_told(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    """A web server that answers 200 with a page: its spans are lost and counted, and later ones are sent."""

    class Page:
        def SerializeToString(self) -> bytes:  # noqa: N802  # as a message has it
            return b"<html>hello</html>"

    page: Any = Page()
    box.answer = lambda number: page if number == 1 else ExportTraceServiceResponse()
    with http_receiver(box) as port:
        async with exporting(port, protocol="http") as exporter:
            exporter.put(span("lost"))
            await box.until(lambda spans: len(spans) == 1)
            exporter.put(span("sent"))
            await taken(exporter, 1)
    assert (exporter.sent, exporter.lost["refused"]) == (1, 1)
    assert "is not an OTLP receiver; check telemetry.traces.endpoint" in caplog.text


@pytest.mark.parametrize(("status", "sent", "refused"), [(503, 1, 0), (400, 0, 1)])
async def test_http_answers(box: Box, status: int, sent: int, refused: int) -> None:
    """One that asks for patience is asked again; one that says no is believed."""
    with http_receiver(box, lambda number: status if number == 1 else 200) as port:
        async with exporting(port, protocol="http") as exporter:
            exporter.put(span())
            while not exporter.sent and not exporter.lost["refused"]:  # noqa: ASYNC110  # counters tell of no change
                await asyncio.sleep(0.005)
    assert (exporter.sent, exporter.lost["refused"]) == (sent, refused)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_over_tls(box: Box, protocol: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A receiver whose certificate is of the configured authority gets the spans; another gets none."""
    authority, other = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    for name, each in (("good", authority), ("bad", other)):
        each.cert_pem.write_to_path(tmp_path / name)
    if protocol == "grpc":
        manager = grpc_receiver(box, certificate=certificate)
    else:
        manager = http_receiver(box, certificate=certificate)
    with manager as port:
        endpoint = f"https://127.0.0.1:{port}"
        async with exporting(port, endpoint=endpoint, protocol=protocol, ca=tmp_path / "good") as exporter:
            exporter.put(span("good"))
            await taken(exporter, 1)
        async with exporting(port, endpoint=endpoint, protocol=protocol, ca=tmp_path / "bad") as exporter:
            exporter.put(span("bad"))
            await told_of_failure(caplog)
    assert [each.span.name for each in box.spans] == ["good"]


async def test_what_waits_at_the_end_is_sent(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """An orderly end loses nothing that the receiver would take."""
    monkeypatch.setattr(module, "LINGER", 3600.0)
    async with receiving(box) as port:
        async with exporting(port) as exporter:
            exporter.put(span())
        assert (len(box.spans), exporter.sent) == (1, 1)
