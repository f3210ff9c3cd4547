"""A whole gateway with `gateway.response_headers`: every answer of its data port has them."""

import http.client
import urllib.request
from pathlib import Path
from typing import Any

import grpc

from gateways import namespace, running
from prism._proto.grpc.health.v1 import health_pb2
from prism.acceptance.store.polling import until
from prism.interfaces.keyvalue import GetRequest

SERVED_BY = ("x-served-by", "eu-1")


def test_every_answer_of_the_data_port(tmp_path: Path) -> None:
    """Operations, health and HTTP have the configured header; the admin port has not."""
    config = {
        "gateway": {"listen": "127.0.0.1:0", "response_headers": dict([SERVED_BY])},
        "namespaces": [namespace("default", "memory")],
    }
    with running(config, tmp_path) as gateway, grpc.insecure_channel(gateway.data) as channel:
        get = GetRequest(id="r", keys=[b"k"]).SerializeToString()
        _, call = channel.unary_unary("/prism.data.v1.KeyValue/Get").with_call(get, timeout=20)
        check = health_pb2.HealthCheckRequest().SerializeToString()
        _, health = channel.unary_unary("/grpc.health.v1.Health/Check").with_call(check, timeout=20)
        assert [SERVED_BY in map(tuple, each.initial_metadata()) for each in (call, health)] == [True, True]
        with urllib.request.urlopen(f"http://{gateway.data}/", timeout=20) as page:
            assert page.headers["x-served-by"] == "eu-1"
        with urllib.request.urlopen(f"http://{gateway.admin}/", timeout=20) as page:
            assert page.headers["x-served-by"] is None


def test_a_reload_changes_headers_and_the_life_of_connections(tmp_path: Path) -> None:
    """On connections that are open too, without a word of a restart; and takes both back."""
    config: dict[str, Any] = {"namespaces": [namespace("default", "memory")]}
    get = GetRequest(id="r", keys=[b"k"]).SerializeToString()
    with running(config, tmp_path) as gateway, grpc.insecure_channel(gateway.data) as channel:
        call = channel.unary_unary("/prism.data.v1.KeyValue/Get")

        def served_by() -> list[str | None]:
            """The header, over gRPC on the one connection and over HTTP on a new one."""
            _, answer = call.with_call(get, timeout=20)
            with urllib.request.urlopen(f"http://{gateway.data}/", timeout=20) as page:
                return [dict(answer.initial_metadata()).get(SERVED_BY[0]), page.headers[SERVED_BY[0]]]

        assert served_by() == [None, None]
        kept = http.client.HTTPConnection(gateway.data, timeout=20)
        kept.request("GET", "/")
        kept.getresponse().read()
        section = {"listen": "127.0.0.1:0", "response_headers": dict([SERVED_BY]), "max_connection_age": 1}
        gateway.write_config({**config, "gateway": section})
        gateway.reload()
        until(lambda: served_by() == ["eu-1", "eu-1"], "a reload tells of its end in the log only")
        assert kept.sock is not None
        assert kept.sock.recv(1) == b""  # it is too old
        kept.close()
        gateway.write_config(config)
        gateway.reload()
        until(lambda: served_by() == [None, None], "as above")
        assert "restart the gateway" not in gateway.log
