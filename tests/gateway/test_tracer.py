"""The spans of a call, over a real data path."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.data_path import GET, MALFORMED, PUT, SERVICE, Incoming, call, data_path
from prism.context import Context
from prism.errors import InvalidArgument, NamespaceNotFound, PermissionDenied
from prism.gateway.call import Call
from prism.gateway.chain import Policies
from prism.gateway.gateway import Gateway
from prism.gateway.observers.tracer import Tracer
from prism.interfaces.keyvalue import ScanStreamRequest
from prism.principal import Principal
from prism.telemetry.current import CURRENT
from prism.telemetry.tracing.sampling import Sampling, SamplingRule
from prism.telemetry.tracing.span import Span, SpanKind
from prism.telemetry.tracing.trace_context import parse
from prism.wire import Metadata

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


@asynccontextmanager
async def traced(
    spans: list[Span], rule: SamplingRule | None = None, policies: Policies | None = None
) -> AsyncIterator[Gateway]:
    """A gateway with the namespace `profiles` whose spans are collected; secrets are spelled `hunter2`."""
    async with data_path("profiles", policies=policies) as gateway:
        sampling = Sampling(rule or SamplingRule(ratio=0.0, slow=60.0))
        tracer = Tracer(sampling, spans.append, scrub=lambda text: text.replace("hunter2", "***"))
        gateway.observe([tracer], (tracer.begin,), (tracer.dispatched,))
        yield gateway


async def test_the_tree_of_one_call() -> None:
    """The caller's span is the server span's parent, and that one the dispatch's; times lie within each other."""
    spans: list[Span] = []
    async with traced(spans) as gateway:
        await call(gateway, "Put", PUT, "profiles", traceparent=SAMPLED, tracestate="vendor=1")
    server, dispatch = spans
    assert (server.name, server.kind) == (f"{SERVICE}/Put", SpanKind.SERVER)
    assert (dispatch.name, dispatch.kind) == (f"memory {SERVICE}/Put", SpanKind.CLIENT)
    assert server.trace_id == dispatch.trace_id == TRACE
    assert (server.parent_id, dispatch.parent_id) == (CALLER, server.span_id)
    assert server.span_id != dispatch.span_id
    assert server.state == dispatch.state == "vendor=1"
    assert server.start <= dispatch.start <= dispatch.end <= server.end
    assert server.error is None
    assert server.attributes == {
        "rpc.system": "grpc",
        "rpc.service": SERVICE,
        "rpc.method": "Put",
        "rpc.grpc.status_code": 0,
        "prism.namespace": "profiles",
        "client.address": "192.0.2.7:1234",
        "prism.kept": "sampled",
    }
    assert dispatch.attributes["prism.backend"] == "memory"


async def test_a_call_that_is_not_kept_leaves_nothing() -> None:
    """Neither the caller nor chance wanted it, and it was good and quick."""
    spans: list[Span] = []
    async with traced(spans) as gateway:
        await call(gateway, "Put", PUT, "profiles", traceparent=UNSAMPLED)
        await call(gateway, "Put", PUT, "profiles")
    assert spans == []


async def test_failed_calls_are_kept_with_their_reason() -> None:
    """Though nobody wanted the trace; in the caller's trace where there is one, else in a new one."""
    spans: list[Span] = []
    async with traced(spans) as gateway:
        for headers in ({"traceparent": UNSAMPLED}, {}):
            with pytest.raises(InvalidArgument):
                await call(gateway, "Get", MALFORMED, "profiles", **headers)
    known, _, new, _ = spans
    assert (known.trace_id, known.parent_id) == (TRACE, CALLER)
    assert (new.trace_id != TRACE, new.parent_id) == (True, "")
    assert known.error
    assert known.attributes["error.type"] == "INVALID_ARGUMENT"
    assert known.attributes["rpc.grpc.status_code"] == 3
    assert known.attributes["prism.kept"] == "error"


async def test_slow_calls_are_kept() -> None:
    """By the bound of the rule."""
    spans: list[Span] = []
    async with traced(spans, SamplingRule(ratio=0.0, slow=1e-9)) as gateway:
        await call(gateway, "Get", GET, "profiles")
    assert [each.attributes.get("prism.kept") for each in spans] == ["slow", None]


async def test_a_stream_is_not_slow() -> None:
    """It takes as long as its reader wants it to."""
    spans: list[Span] = []
    async with traced(spans, SamplingRule(ratio=0.0, slow=1e-9)) as gateway:
        await call(gateway, "Put", PUT, "profiles")
        spans.clear()
        operation = gateway.operations[f"/{SERVICE}/ScanStream"]
        incoming = Incoming(Metadata([("prism-namespace", "profiles")]))
        assert [_ async for _ in gateway.stream(incoming, operation, ScanStreamRequest().SerializeToString())]
    assert spans == []


async def test_a_refused_call_has_a_server_span_only() -> None:
    """Who was refused, and that it never reached a plugin; nothing secret in it."""

    def alice(call: Call) -> None:
        call.principal = Principal("alice")

    def refuse(_call: Call) -> None:
        raise PermissionDenied("not with hunter2")

    spans: list[Span] = []
    async with traced(spans, policies=Policies(authenticate=alice, authorize=refuse)) as gateway:
        with pytest.raises(PermissionDenied):
            await call(gateway, "Get", GET, "profiles")
        with pytest.raises(PermissionDenied):
            await call(gateway, "Get", GET, "profiles", traceparent="garbage", tracestate="vendor=1")
    assert [each.kind for each in spans] == [SpanKind.SERVER, SpanKind.SERVER]
    assert spans[0].attributes["enduser.id"] == "alice"
    assert spans[0].error == "not with ***"
    assert spans[1].state == ""  # a tracestate without its traceparent means nothing


async def test_an_unknown_namespace_is_in_the_trace_as_it_was_asked_for() -> None:
    """Shortened: callers send what they like."""
    spans: list[Span] = []
    async with traced(spans) as gateway:
        with pytest.raises(NamespaceNotFound):
            await call(gateway, "Get", GET, "n" * 100)
    assert spans[0].attributes["prism.namespace"] == "n" * 63


async def test_the_plugin_is_called_in_the_span_of_its_dispatch() -> None:
    """What the plugin makes of its `traceparent` hangs under the gateway's spans, with the gateway's decision."""
    contexts: list[Context] = []
    spans: list[Span] = []
    async with traced(spans) as gateway:
        instance = gateway.snapshot.namespaces["profiles"].instances[0]
        original = instance.call

        class Watching(type(instance)):  # type: ignore[misc]  # the real instance, seen through
            __slots__ = ()

            def call(self, operation: str, payload: bytes, context: Context) -> object:
                contexts.append(context)
                return original(operation, payload, context)

        instance.__class__ = Watching
        await call(gateway, "Put", PUT, "profiles", traceparent=SAMPLED, tracestate="vendor=1")
        await call(gateway, "Put", PUT, "profiles", traceparent=UNSAMPLED)
    told = parse(contexts[0].traceparent)
    assert told is not None
    assert (told.trace_id, told.span_id, told.sampled) == (TRACE, spans[1].span_id, True)
    assert contexts[0].tracestate == "vendor=1"
    other = parse(contexts[1].traceparent)
    assert other is not None
    assert (other.trace_id, other.sampled) == (TRACE, False)


async def test_without_tracing_the_callers_header_is_passed_on() -> None:
    """A gateway that makes no spans breaks nobody's trace."""
    async with data_path("profiles") as gateway:
        seen: list[str] = []

        def look(call: Call) -> None:
            seen.extend((call.context().traceparent, call.trace_id))

        gateway.observe((), (look,))
        await call(gateway, "Put", PUT, "profiles", traceparent=SAMPLED)
        await call(gateway, "Put", PUT, "profiles")
    assert seen == [SAMPLED, TRACE, "", ""]


async def test_lines_of_the_log_can_know_their_call() -> None:
    """While a call is carried out, it is the current one."""
    seen: list[tuple[str, str]] = []

    def look(_call: Call) -> None:
        current = CURRENT.get()
        assert current is not None
        seen.append((current.namespace, current.trace_id))

    async with traced([], policies=Policies(limit=look)) as gateway:
        await call(gateway, "Put", PUT, "profiles", traceparent=UNSAMPLED)
    assert seen == [("profiles", TRACE)]
