"""What commands say where they ask the wrong port, or by the wrong means."""

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

import gateways
from authority import Authority
from cli.command import prism


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateways.GatewayProcess]:
    """A gateway whose data port wants TLS, and whose admin port does not."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder / "authority")
    issued = authority.issue("localhost", dns="localhost", ip="127.0.0.1")
    config = {
        "namespaces": [gateways.namespace("default", "memory")],
        "gateway": {"listen": "127.0.0.1:0", "tls": {"cert": str(issued.cert), "key": str(issued.key)}},
    }
    gateway = gateways.GatewayProcess(config, folder).start()
    yield gateway
    gateway.stop()


async def test_the_other_port_is_told(secured: gateways.GatewayProcess) -> None:
    """The ports of a gateway know each other; one that does not know the method is likely another one."""
    name = secured.data.replace("127.0.0.1", "localhost")
    ca = str(secured.folder / "authority" / "ca.pem")
    got, status, listed = await asyncio.gather(
        prism("kv", "get", "default", "r", endpoint=secured.admin),
        prism("plugin", "status", "--endpoint", name, "--tls-ca", ca),
        prism("plugin", "list", "--endpoint", secured.metrics),
    )
    assert (got.code, status.code, listed.code) == (2, 2, 2)
    assert "is on the gateway's data port (gateway.listen), and this is its admin port" in got.err
    assert "is on the gateway's admin port (admin.listen), and this is its data port" in status.err
    assert "check that this is a gateway's data port" in got.err
    assert "check that this is a gateway's admin port" in listed.err


@pytest.mark.parametrize("content_type", ["application/json", "application/grpc-web+proto"])
async def test_the_other_port_is_told_over_http(secured: gateways.GatewayProcess, content_type: str) -> None:
    """By curl and by browsers too; and an operation that is nowhere is not said to be elsewhere."""

    def asked(path: str) -> str:
        request = urllib.request.Request(f"http://{secured.admin}{path}", b"", {"content-type": content_type})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return unquote(answer.read().decode("latin-1"))
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    assert "is on the gateway's data port" in await asyncio.to_thread(asked, "/prism.data.v1.KeyValue/Get")
    nowhere = await asyncio.to_thread(asked, "/prism.admin.v1.AdminService/Nothing")
    assert "there is no operation /prism.admin.v1.AdminService/Nothing" in nowhere


async def test_tls_on_one_side_only_is_told(secured: gateways.GatewayProcess, tmp_path: Path) -> None:
    """In either direction, and where the certificate cannot be believed."""
    name = secured.data.replace("127.0.0.1", "localhost")
    clear, untrusted, needless = await asyncio.gather(
        prism("kv", "get", "default", "r", endpoint=name),
        prism("kv", "get", "default", "r", "--tls-ca", "system", endpoint=name),
        prism("kv", "get", "default", "r", "--tls-ca", "system", endpoint=secured.admin),
    )
    assert "the port may require TLS: give --tls-ca the CA" in clear.err
    assert "give --tls-ca the CA that signed the certificate" in untrusted.err
    assert "the port does not use TLS" in needless.err
    assert {clear.code, untrusted.code, needless.code} == {3}


async def test_the_command_to_try_works(secured: gateways.GatewayProcess) -> None:
    """The first lines name a command; with the authority in its place it does what it says."""
    line = await asyncio.to_thread(secured.wait_for_log, "  try ")
    *words, last = line.split()[2:]
    assert last == "FILE"
    done = await prism(*words, str(secured.folder / "authority" / "ca.pem"))
    assert done.err == ""
    assert done.code == 0
