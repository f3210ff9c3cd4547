"""A gateway that believes its proxies: the access log and the audit trail have the caller's address."""

import http.client
import json
import socket
from pathlib import Path

import pytest

from gateways import namespace, running

GET = "/prism.data.v1.KeyValue/Get"
HEADERS = {"content-type": "application/json", "x-forwarded-for": "203.0.113.9, 192.0.2.7"}


@pytest.mark.parametrize("told", ["x-forwarded-for", "proxy_protocol"])
def test_the_log_and_the_trail_have_it(tmp_path: Path, told: str) -> None:
    """By the header, and by the PROXY protocol before it."""
    audit = tmp_path / "audit.jsonl"
    by = {"proxy_protocol": True} if told == "proxy_protocol" else {"header": told}
    config = {
        "gateway": {"listen": "127.0.0.1:0", "proxies": {"trusted": ["127.0.0.0/8"], **by}},
        "telemetry": {"listen": "127.0.0.1:0", "log": {"access": True, "format": "json"}},
        "audit": {"output": str(audit), "calls": 1.0},
        "namespaces": [namespace("default", "memory", store="s")],
    }
    with running(config, tmp_path) as gateway:
        gateway.wait_until_served("default")
        host, _, port = gateway.data.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        connection.sock = socket.create_connection((host, int(port)), timeout=20)
        if told == "proxy_protocol":
            connection.sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 5000 443\r\n")
        connection.request("POST", GET, json.dumps({"id": "r", "keys": ["aw=="]}), HEADERS)
        assert connection.getresponse().status == 200
        connection.close()
        line = json.loads(gateway.wait_for_log('"client"'))
    assert line["client"].startswith("192.0.2.7")
    (event,) = [each for each in map(json.loads, audit.read_text().splitlines()) if each["kind"] == "call"]
    assert event["peer"].startswith("192.0.2.7")
