"""Lines of a plugin in a process of its own, and how that process fares."""

import json
import os
import signal
import time
from collections.abc import Iterator

import grpc
import pytest

import gateways
from admin.port import AdminPort, opened
from cli.command import prism
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.logs import _after

SERVICE = "/prism.admin.v1.AdminService/"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminPort]:
    """The admin port of a gateway with a sidecar."""
    sidecar = gateways.namespace("apart", "memory", store="apart") | {"plugin": {"type": "sidecar"}}
    namespaces = [gateways.namespace("inside", "memory"), sidecar]
    with opened({"namespaces": namespaces}, tmp_path_factory.mktemp("logs")) as port:
        yield port


def followed(port: AdminPort, **fields: object) -> Iterator[pb.GetPluginLogsResponse]:
    """The lines of the sidecar, as they come."""
    stream = port.channel.unary_stream(
        f"{SERVICE}GetPluginLogs", pb.GetPluginLogsRequest.SerializeToString, pb.GetPluginLogsResponse.FromString
    )
    yield from stream(pb.GetPluginLogsRequest(namespace="apart", **fields), timeout=30)  # type: ignore[arg-type]


def status(port: AdminPort) -> pb.PluginStatus:
    """How the sidecar fares."""
    answer: pb.GetPluginStatusResponse = port.call("GetPluginStatus", pb.GetPluginStatusRequest(namespace="apart"))
    return answer.statuses[0]


def test_a_sidecar_s_process_is_in_its_status_and_what_it_prints_in_its_log(port: AdminPort) -> None:
    """Killed, it is counted, and who follows its log reads on in that of the process after it."""
    while (before := status(port)).state == pb.PLUGIN_STATE_STARTING:
        time.sleep(0.02)
    assert (before.placement, before.state, before.restarts) == ("sidecar", pb.PLUGIN_STATE_READY, 0)
    pid = int(before.process["pid"])
    told = list(followed(port))
    assert told
    assert all(each.line and each.time.seconds for each in told)
    assert [each.line for each in followed(port, lines=1)] == [told[-1].line]
    reading = followed(port, lines=1, follow=True)
    next(reading)
    os.kill(pid, signal.SIGKILL)
    assert next(reading).line
    while (after := status(port)).state != pb.PLUGIN_STATE_READY or not after.restarts:
        time.sleep(0.02)
    assert after.restarts == 1
    assert int(after.process["pid"]) != pid
    assert "SIGKILL" in after.last_failure.message


def test_lines_come_by_the_plain_path(port: AdminPort) -> None:
    """A JSON object each; the last one says why a stream broke off."""
    reply = port.ask("GET", "/admin/plugin/logs?namespace=apart&lines=1")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/jsonl")
    assert json.loads(reply.body)["line"]
    lost = port.ask("GET", "/admin/plugin/logs?namespace=inside")
    assert json.loads(lost.body)["error"]["code"] == "failed_precondition"
    assert port.ask("POST", "/admin/plugin/logs", {}, {"content-type": "application/json"}).status == 405


async def test_the_command_shows_them(port: AdminPort) -> None:
    """Of a plugin in the gateway's own process it says where to look."""
    endpoint = {"PRISM_ADMIN_ENDPOINT": port.gateway.admin}
    shown = await prism("plugin", "logs", "apart", "-n", "1", **endpoint)
    as_json = await prism("plugin", "logs", "apart", "-n", "1", "-o", "json", **endpoint)
    inside = await prism("plugin", "logs", "inside", **endpoint)
    assert (shown.code, inside.code) == (0, 6)
    line = json.loads(as_json.out)
    assert shown.out == f"{line['time']} {line['line']}\n"
    assert "in the gateway's log" in inside.err


def test_an_unknown_namespace_is_not_found(port: AdminPort) -> None:
    """Before any line."""
    stream = port.channel.unary_stream(f"{SERVICE}GetPluginLogs", pb.GetPluginLogsRequest.SerializeToString)
    with pytest.raises(grpc.RpcError) as caught:
        next(stream(pb.GetPluginLogsRequest(namespace="nobody"), timeout=30))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]  # the stub's base class


def test_a_gap_is_seen() -> None:
    """Where more lines came than are kept; equal lines are not the same."""
    one, two = "1 x", "1 x"[:2] + "x"
    assert _after(None, [one]) == ([one], False)
    assert _after(one, [one, two]) == ([two], False)
    assert _after(one, [two]) == ([two], True)
    assert _after(one, []) == ([], False)
