"""The admin service, asked by the stock gRPC client of a running gateway."""

import grpc
import pytest

from admin.conftest import SECRET
from admin.port import AdminPort
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.rpc_status import from_status
from prism.wire import Code, Status


def refused(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """The code and the sentence of a refusal."""
    return error.code(), error.details()  # type: ignore[attr-defined]  # the stub knows only the base class


def test_plugins_are_listed_with_who_uses_them(port: AdminPort) -> None:
    """By name, each with its namespaces and how many of them are not served."""
    answer = port.call("ListPlugins", pb.ListPluginsRequest())
    found = {each.name: each for each in answer.plugins}
    assert list(found) == sorted(found)
    assert {"memory", "sqlite", "postgres"} <= found.keys()
    assert (found["memory"].namespaces, found["memory"].namespaces_unavailable) == (1, 0)
    assert (found["postgres"].namespaces, found["postgres"].namespaces_unavailable) == (1, 1)
    assert found["memory"].pinned


def test_a_plugin_is_described_with_its_secrets_marked(port: AdminPort) -> None:
    """Its capabilities and options, defaults in words; what is secret says so."""
    answer = port.call("DescribePlugin", pb.DescribePluginRequest(plugin="postgres"))
    config = {each.name: each for each in answer.config}
    credentials = {each.name: each for each in answer.credentials}
    assert (config["pool_size"].kind, config["pool_size"].default) == ("integer, 9 to 200", "12")
    assert {name for name, each in (config | credentials).items() if each.secret} == {
        "connection_string", "password", "sql_connection_string",
    }  # fmt: skip
    assert answer.capabilities["keyvalue"]["durability"] == "synced"
    assert answer.plugin.summary


def test_an_unknown_plugin_is_not_found_with_the_nearest(port: AdminPort) -> None:
    """So that a slip is seen."""
    with pytest.raises(grpc.RpcError) as caught:
        port.call("DescribePlugin", pb.DescribePluginRequest(plugin="postgers"))
    code, sentence = refused(caught.value)
    assert code is grpc.StatusCode.NOT_FOUND
    assert "did you mean 'postgres'?" in sentence


def test_the_status_says_what_serves_and_why_not(port: AdminPort) -> None:
    """A namespace whose store is down has the reason, what failed last, and its store's name."""
    answer = port.call("GetPluginStatus", pb.GetPluginStatusRequest())
    by_name = {each.namespace: each for each in answer.statuses}
    assert list(by_name) == ["default", "kept", "lost"]
    assert by_name["default"].state == by_name["kept"].state == pb.PLUGIN_STATE_READY
    assert by_name["kept"].probe.result == pb.PROBE_RESULT_HEALTHY
    lost = by_name["lost"]
    assert (lost.state, lost.placement, lost.plugin) == (pb.PLUGIN_STATE_UNAVAILABLE, "in_process", "postgres")
    assert "the gateway keeps retrying" in lost.reason
    assert lost.last_failure.message in lost.reason
    assert lost.last_failure.time.seconds > 0
    assert not lost.HasField("probe")


def test_the_status_of_one_namespace_and_of_one_plugin(port: AdminPort) -> None:
    """Either narrows it down; both that exclude each other leave nothing."""

    def asked(**fields: str) -> list[str]:
        answer = port.call("GetPluginStatus", pb.GetPluginStatusRequest(**fields))  # type: ignore[arg-type]
        return [each.namespace for each in answer.statuses]

    assert asked(namespace="kept") == ["kept"]
    assert asked(plugin="memory") == ["default"]
    assert asked(namespace="kept", plugin="memory") == []


def test_an_unknown_namespace_is_not_found_with_its_reason(port: AdminPort) -> None:
    """Both where its status and where its description is asked for."""
    for method, request in (
        ("GetPluginStatus", pb.GetPluginStatusRequest(namespace="kpet")),
        ("DescribeNamespace", pb.DescribeNamespaceRequest(namespace="kpet")),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            port.call(method, request)
        code, sentence = refused(caught.value)
        assert code is grpc.StatusCode.NOT_FOUND
        assert "did you mean 'kept'?" in sentence


def test_lists_come_in_pages(port: AdminPort) -> None:
    """Pages of one give each namespace once, in the order of their names."""
    statuses, namespaces, token = [], [], ""
    while token or not statuses:
        page = port.call("GetPluginStatus", pb.GetPluginStatusRequest(page_size=1, page_token=token))
        statuses += [each.namespace for each in page.statuses]
        same = port.call("ListNamespaces", pb.ListNamespacesRequest(page_size=1, page_token=token))
        namespaces += [each.name for each in same.namespaces]
        assert page.next_page_token == same.next_page_token
        token = page.next_page_token
    assert statuses == namespaces == ["default", "kept", "lost"]


def test_a_namespace_is_described_without_its_secrets(port: AdminPort) -> None:
    """Its options, defaults included; the password is nowhere in the answer."""
    answer = port.call("DescribeNamespace", pb.DescribeNamespaceRequest(namespace="lost"))
    assert answer.namespace.abstractions == ["keyvalue"]
    assert answer.config["pool_size"] == 12
    assert answer.credentials["username"] == "prism"
    assert answer.credentials["password"] == "***"
    assert answer.status.plugin == "postgres"
    assert SECRET not in repr(answer)


def test_a_request_that_breaks_a_rule_names_the_field(port: AdminPort) -> None:
    """By the rules of the .proto, as on the data port."""
    with pytest.raises(grpc.RpcError) as caught:
        port.call("DescribePlugin", pb.DescribePluginRequest())
    assert refused(caught.value)[0] is grpc.StatusCode.INVALID_ARGUMENT
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]  # type: ignore[attr-defined]
    error = from_status(Status(Code.INVALID_ARGUMENT, "", details))
    assert [each.field for each in error.violations] == ["plugin"]


def test_data_and_administration_do_not_mix(port: AdminPort) -> None:
    """Neither port answers for the other's services."""
    with grpc.insecure_channel(port.gateway.data) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/prism.admin.v1.AdminService/ListPlugins")(b"", timeout=30)
    assert refused(caught.value)[0] is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(grpc.RpcError) as caught:
        port.channel.unary_unary("/prism.data.v1.KeyValue/ListRecords")(b"", timeout=30)
    assert refused(caught.value)[0] is grpc.StatusCode.UNIMPLEMENTED


def test_reflection_and_health_are_served(port: AdminPort) -> None:
    """Stock tools need no .proto file, and load balancers of tools no other way in."""
    from prism._proto.grpc.health.v1 import health_pb2 as health
    from prism._proto.grpc.reflection.v1 import reflection_pb2 as reflection

    check = port.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        health.HealthCheckRequest.SerializeToString,
        health.HealthCheckResponse.FromString,
    )
    asked = health.HealthCheckRequest(service="prism.admin.v1.AdminService")
    assert check(asked, timeout=30).status == health.HealthCheckResponse.SERVING
    info = port.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        reflection.ServerReflectionRequest.SerializeToString,
        reflection.ServerReflectionResponse.FromString,
    )
    (answer,) = info(iter([reflection.ServerReflectionRequest(list_services="")]), timeout=30)
    services = {each.name for each in answer.list_services_response.service}
    assert "prism.admin.v1.AdminService" in services
    assert not any(name.startswith("prism.data.") for name in services)
