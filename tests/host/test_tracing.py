"""The spans of a plugin in a process of its own, as a stock OTLP receiver gets them."""

import pytest

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host.testing import RunningPlugin, running
from prism.interfaces.keyvalue import GetRequest, PutItem, PutRequest, ScanStreamRequest
from telemetry.otlp_receiver import Box, http_receiver, receiving

SERVICE = "prism.data.v1.KeyValue"
TRACE, DISPATCH = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


async def execute(plugin: RunningPlugin, method: str, params: bytes, flags: str) -> pb.ExecuteResponse:
    """A call as a gateway makes it, in its dispatch span."""
    request = pb.ExecuteRequest(operation=f"{SERVICE}/{method}", raw_params=params)
    request.metadata.update({"prism-namespace": "default", "prism-instance": "test", "tracestate": "vendor=1"})
    request.metadata["traceparent"] = f"00-{TRACE}-{DISPATCH}-{flags}"
    response: pb.ExecuteResponse = await plugin.ask("Execute", request, pb.ExecuteResponse)
    return response


async def test_the_plugins_span_hangs_under_the_gateways_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the standard's variables: sampled calls and failed ones, streams too, none else; all sent before it ends."""
    box = Box()
    async with receiving(box) as port:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20key")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        async with running("memory") as plugin:
            put = PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")])
            await plugin.attach("default")
            assert (await execute(plugin, "Put", put.SerializeToString(), "01")).success
            assert (await execute(plugin, "Put", put.SerializeToString(), "00")).success
            assert not (await execute(plugin, "Get", GetRequest().SerializeToString(), "00")).success
            assert [_ async for _ in plugin.stream(ScanStreamRequest(id="r"))]  # from a tool: in no trace, unsampled
    sampled, failed = box.spans
    assert (sampled.span.name, sampled.span.kind) == (f"{SERVICE}/Put", 2)
    assert {each.trace_id for each in box.spans} == {TRACE}
    assert {each.parent_id for each in box.spans} == {DISPATCH}
    assert sampled.span.trace_state == "vendor=1"
    assert sampled.attributes["prism.backend"] == "memory"
    assert sampled.attributes["prism.kept"] == "sampled"
    assert (failed.attributes["prism.kept"], failed.attributes["rpc.grpc.status_code"]) == ("error", 3)
    assert sampled.resource["service.name"] == "prism-plugin-memory"
    assert sampled.resource["deployment.environment"] == "test"
    assert box.headers[0]["api-key"] == "a key"


@pytest.mark.parametrize(
    ("variable", "path", "asked"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "/otlp", "/otlp/v1/traces"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/spans", "/spans"),
    ],
)
async def test_the_two_variables_for_the_endpoint(
    monkeypatch: pytest.MonkeyPatch, variable: str, path: str, asked: str
) -> None:
    """The one for all signals is a base, the one for traces is taken as it is."""
    box = Box()
    with http_receiver(box) as port:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}{path}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        async with running("memory") as plugin:
            await plugin.attach("default")
            assert not (await execute(plugin, "Get", GetRequest().SerializeToString(), "01")).success
    assert box.paths == [asked]
