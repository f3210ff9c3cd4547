"""A whole gateway tells of itself: traces of every way in, and the metrics of what was sent."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from gateways import GatewayProcess, namespace, running
from prism.client.sync import Client as BlockingClient
from prism.interfaces.keyvalue import GetRequest
from telemetry.otlp_receiver import Box, Received, grpc_receiver

SERVICE = "prism.data.v1.KeyValue"
TRACES = {name: name[0] * 32 for name in ("a", "b", "c")}
CALLER = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def box() -> Box:
    """What the receiver got."""
    return Box()


@pytest.fixture(scope="module")
def gateway(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that sends its traces to a stock receiver, as do its plugins; chance keeps none."""
    with grpc_receiver(box) as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        about = {"deployment.environment": "test"}
        traces = {"endpoint": "${OTEL_EXPORTER_OTLP_ENDPOINT}", "ratio": 0, "attributes": about}
        beside = {**namespace("beside", "memory"), "plugin": {"type": "sidecar"}}
        config = {
            "telemetry": {"listen": "127.0.0.1:0", "traces": traces},
            "namespaces": [namespace("here", "memory"), beside],
        }
        with running(config, tmp_path_factory.mktemp("telemetry")) as gateway:
            yield gateway


def of_trace(spans: list[Received], trace_id: str) -> list[Received]:
    return sorted(
        (each for each in spans if each.trace_id == trace_id), key=lambda each: each.span.start_time_unix_nano
    )


def check_tree(spans: list[Received]) -> None:
    server, dispatch = spans
    assert (server.span.name, server.parent_id) == (f"{SERVICE}/Get", CALLER)
    assert (dispatch.span.name, dispatch.parent_id) == (f"memory {SERVICE}/Get", server.span_id)
    assert server.resource["service.name"] == "prism-gateway"
    assert server.resource["deployment.environment"] == "test"
    assert server.attributes["prism.namespace"] == "here"
    assert server.attributes["client.address"].startswith("127.0.0.1:")


def test_a_call_by_grpc(gateway: GatewayProcess, box: Box) -> None:
    """A stock client's context reaches the receiver with the gateway's spans under it."""
    request = GetRequest(id="r", keys=[b"k"]).SerializeToString()
    with grpc.insecure_channel(gateway.data) as channel:
        call = channel.unary_unary(f"/{SERVICE}/Get")
        for flag in ("00", "01"):
            traceparent = f"00-{TRACES['a']}-{CALLER}-{flag}"
            call(request, metadata=[("prism-namespace", "here"), ("traceparent", traceparent)])
    spans = box.wait(lambda spans: len(of_trace(list(spans), TRACES["a"])) >= 2)
    check_tree(of_trace(spans, TRACES["a"]))


def test_a_call_through_a_sidecar(gateway: GatewayProcess, box: Box) -> None:
    """From the client's span to the plugin's, in another process, each the child of the one before."""
    with BlockingClient(gateway.data, headers={"traceparent": f"00-{TRACES['c']}-{CALLER}-01"}) as prism:
        prism.keyvalue("beside").put("r", {b"k": b"v"})
    spans = of_trace(box.wait(lambda spans: len(of_trace(list(spans), TRACES["c"])) >= 3), TRACES["c"])
    by_parent = {each.parent_id: each for each in spans}
    server = by_parent[CALLER]
    dispatch = by_parent[server.span_id]
    plugin = by_parent[dispatch.span_id]
    assert [each.span.name for each in (server, dispatch, plugin)] == [
        f"{SERVICE}/Put",
        f"memory {SERVICE}/Put",
        f"{SERVICE}/Put",
    ]
    assert [each.span.kind for each in (server, dispatch, plugin)] == [2, 3, 2]
    assert [each.resource["service.name"] for each in (server, dispatch, plugin)] == [
        "prism-gateway",
        "prism-gateway",
        "prism-plugin-memory",
    ]
    assert plugin.resource["process.pid"] != server.resource["process.pid"]
    assert (
        server.span.start_time_unix_nano
        <= dispatch.span.start_time_unix_nano
        <= plugin.span.start_time_unix_nano
        <= plugin.span.end_time_unix_nano
        <= server.span.end_time_unix_nano
    )


def test_a_call_by_http(gateway: GatewayProcess, box: Box) -> None:
    """The same over HTTP/JSON; a failed call is kept though nobody wanted it."""
    for body, flag in (({"id": "r", "keys": ["aw=="]}, "01"), ({}, "00")):
        headers = {
            "content-type": "application/json",
            "prism-namespace": "here",
            "traceparent": f"00-{TRACES['b']}-{CALLER}-{flag}",
        }
        request = urllib.request.Request(f"http://{gateway.data}/{SERVICE}/Get", json.dumps(body).encode(), headers)
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as error:
            assert flag == "00"
            error.close()
    spans = of_trace(box.wait(lambda spans: len(of_trace(list(spans), TRACES["b"])) >= 4), TRACES["b"])
    check_tree(spans[:2])
    assert [each.attributes["error.type"] for each in spans[2:]] == ["INVALID_ARGUMENT"] * 2


def test_the_figures(gateway: GatewayProcess, box: Box) -> None:
    """Sent, lost by reason, and waiting."""
    with urllib.request.urlopen(f"http://{gateway.metrics}/metrics") as answer:
        metrics = answer.read().decode()
    assert 'prism_spans_lost_total{reason="queue_full"} 0.0' in metrics
    assert "prism_spans_queue_length" in metrics
    assert "prism_traces_left_out_total 0.0" in metrics
    assert "prism_spans_sent_total" in metrics


def test_a_receiver_that_is_not_there_holds_nothing_up(tmp_path: Path) -> None:
    """The gateway serves, says once that traces wait, and ends in order."""
    traces = {"endpoint": "http://127.0.0.1:1", "ratio": 1}
    config = {"telemetry": {"listen": "127.0.0.1:0", "traces": traces}, "namespaces": [namespace("here", "memory")]}
    with running(config, tmp_path) as gateway:
        with BlockingClient(gateway.data) as prism:
            prism.keyvalue("here").put("r", {b"k": b"v"})
        gateway.wait_for_log("traces cannot be sent")
    assert gateway.process.returncode == 0
    assert any("were not sent before the gateway stopped" in line for line in gateway.lines)
