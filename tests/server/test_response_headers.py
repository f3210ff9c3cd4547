"""A whole gateway with `gateway.response_headers`: every answer of its data port has them."""

import urllib.request
from pathlib import Path

import grpc

from gateways import namespace, running
from prism._proto.grpc.health.v1 import health_pb2
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
