"""A plugin without a gateway: driven by stock clients, over TCP, TLS and a unix socket."""

import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from urllib.error import HTTPError

import grpc
import pytest
import trustme

from host.standalone import Standalone, standalone
from missing import needs_root
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.interfaces.keyvalue import GetRequest, GetResponse, PutItem, PutRequest
from prism.interfaces.pubsub import SubscribeRequest
from prism.wire import Channel, Code, Deadline, StatusError, client_context
from prism.wire.http2.frames import PREFACE
from prism.wire.http2.settings import encode_settings

PLUGIN = "/prism.plugin.v1.BackendPlugin"
NAMESPACE = {"prism-namespace": "try"}


@pytest.fixture(scope="module")
def plugin() -> Iterator[Standalone]:
    """A memory plugin on loopback, with probes and figures on a port of their own."""
    with standalone("--listen", "127.0.0.1:0", "--probes", "127.0.0.1:0", "--metrics", "127.0.0.1:0") as plugin:
        yield plugin


def stock(
    channel: grpc.Channel, method: str, request: pb.ExecuteRequest | pb.InitializeRequest, answer: type
) -> object:
    """An answer to the stock client of Python."""
    call = channel.unary_unary(f"{PLUGIN}/{method}", type(request).SerializeToString, answer.FromString)
    return call(request, timeout=10)


def test_a_stock_client_drives_it(plugin: Standalone) -> None:
    """grpcio initialises, writes and reads with typed parameters; results come typed as well."""
    with grpc.insecure_channel(plugin.listens) as channel:
        started = stock(channel, "Initialize", pb.InitializeRequest(namespace="try"), pb.InitializeResponse)
        assert started.success
        put = pb.ExecuteRequest(operation="prism.data.v1.KeyValue/Put", metadata=NAMESPACE)
        put.typed_params.Pack(PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]))
        assert stock(channel, "Execute", put, pb.ExecuteResponse).success
        get = pb.ExecuteRequest(operation="prism.data.v1.KeyValue/Get", metadata=NAMESPACE)
        get.typed_params.Pack(GetRequest(id="r", keys=[b"k"]))
        answer = stock(channel, "Execute", get, pb.ExecuteResponse)
        found = GetResponse()
        assert answer.typed_result.Unpack(found)
        assert [item.value for item in found.items] == [b"v"]


def run(*command_line: str) -> str:
    """What a command prints."""
    done = subprocess.run(command_line, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_grpcurl_drives_it_unprepared(plugin: Standalone, grpcurl: Path) -> None:
    """By reflection alone, which resolves the messages of the data contract in a google.protobuf.Any."""
    listed = run(str(grpcurl), "-plaintext", plugin.listens, "list").split()
    assert {"prism.plugin.v1.BackendPlugin", "grpc.health.v1.Health"} < set(listed)
    assert "prism.data.v1.KeyValue" not in listed
    options = {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"store": "by-hand"}}
    start = {"namespace": "n", "instance": "by-hand", "config": options}
    run(str(grpcurl), "-plaintext", "-d", json.dumps(start), plugin.listens, f"{PLUGIN[1:]}/Initialize")
    params = {
        "@type": "type.googleapis.com/prism.data.v1.KeyValuePutRequest",
        "id": "account:1",
        "items": [{"key": "cGxhbg==", "value": "dGVhbQ=="}],
    }
    metadata = {"prism-namespace": "n", "prism-instance": "by-hand"}
    put = {"operation": "prism.data.v1.KeyValue/Put", "metadata": metadata, "typedParams": params}
    written = run(str(grpcurl), "-plaintext", "-d", json.dumps(put), plugin.listens, f"{PLUGIN[1:]}/Execute")
    answer = json.loads(written)
    assert (answer["success"], len(answer["typed_result"]["versions"])) == (True, 1), written
    scan = {
        "operation": "prism.data.v1.KeyValue/ScanStream",
        "metadata": metadata,
        "typedParams": {"@type": "type.googleapis.com/prism.data.v1.KeyValueScanStreamRequest"},
    }
    read = run(str(grpcurl), "-plaintext", "-d", json.dumps(scan), plugin.listens, f"{PLUGIN[1:]}/ExecuteStream")
    assert json.loads(read)["typed_result"]["items"][0]["value"] == "dGVhbQ=="
    params["id"] = ""
    put["typedParams"] = params
    refused = json.loads(
        run(str(grpcurl), "-plaintext", "-d", json.dumps(put), plugin.listens, f"{PLUGIN[1:]}/Execute")
    )
    details = {each["@type"].rpartition(".")[2]: each for each in refused["status"]["details"]}
    assert details["ErrorInfo"]["metadata"]["outcome"] == "NOT_APPLIED"
    assert details["BadRequest"]["field_violations"][0]["field"] == "id"


def fetch(address: str, path: str) -> tuple[int, str]:
    """Status and body of a GET."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_probes_and_figures_over_http(plugin: Standalone) -> None:
    """For orchestrators and Prometheus that know nothing of gRPC."""
    with grpc.insecure_channel(plugin.listens) as channel:
        stock(channel, "Initialize", pb.InitializeRequest(namespace="http", instance="http"), pb.InitializeResponse)
        metadata = {"prism-namespace": "http", "prism-instance": "http"}
        get = pb.ExecuteRequest(operation="prism.data.v1.KeyValue/Get", metadata=metadata)
        assert not stock(channel, "Execute", get, pb.ExecuteResponse).success
    assert fetch(plugin.probes, "/health/live") == (200, '{"status": "alive"}')
    status, body = fetch(plugin.probes, "/health/ready")
    assert (status, json.loads(body)["stores"]["memory:default"]) == (200, "healthy")
    status, text = fetch(plugin.metrics, "/metrics")
    series = 'plugin="memory",store="memory:default",operation="prism.data.v1.KeyValue/Get",status="INVALID_ARGUMENT"'
    assert status == 200
    assert any(
        line.startswith("prism_plugin_requests_total") and line.endswith(" 1.0") and "INVALID_ARGUMENT" in line
        for line in text.splitlines()
    ), text
    assert series.split(",")[0] in text
    assert fetch(plugin.probes, "/else")[0] == 404


async def test_mutual_tls(tmp_path: Path) -> None:
    """A gateway shows its certificate; nobody without one is served. The plugin's own is replaced while it serves."""
    authority = trustme.CA()
    server, own = authority.issue_cert("localhost"), authority.issue_cert("gateway@example.org")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name, certificate in (("server", server), ("gateway", own)):
        certificate.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(str(tmp_path / f"{name}.pem"), append=True)
    papers = ("--tls-cert", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "server.key"))
    with standalone("--listen", "0.0.0.0:0", *papers, "--tls-client-ca", str(tmp_path / "ca.pem")) as plugin:
        address = plugin.listens.replace("0.0.0.0", "localhost")
        known = client_context(tmp_path / "ca.pem", tmp_path / "gateway.pem", tmp_path / "gateway.key")
        path = "/prism.plugin.v1.PluginInfoService/GetInfo"
        async with Channel(address, tls=known) as channel:
            answer = await channel.unary(path, b"", deadline=Deadline.after(10))
            assert pb.GetInfoResponse.FromString(answer).name == "memory"
            fresh = authority.issue_cert("localhost")
            fresh.private_key_pem.write_to_path(str(tmp_path / "server.key"))
            fresh.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
            async with asyncio.timeout(20):
                while await shown(address, known) != fresh.cert_chain_pems[0].bytes():  # noqa: ASYNC110  # nobody tells
                    await asyncio.sleep(0.02)
            await channel.unary(path, b"", deadline=Deadline.after(10))
        async with Channel(address, tls=client_context(tmp_path / "ca.pem")) as channel:
            with pytest.raises(StatusError):
                await channel.unary(path, b"", deadline=Deadline.after(10))


async def shown(address: str, tls: ssl.SSLContext) -> bytes:
    """The certificate that a new connection is shown, in PEM."""
    host, _, port = address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    certificate = ssl.DER_cert_to_PEM_cert(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    writer.close()
    await writer.wait_closed()
    return certificate.encode()


def test_a_unix_socket_is_for_its_user(tmp_path: Path) -> None:
    """Nobody else may even open it, and it is gone when the plugin has ended."""
    path = tmp_path / "plugin.sock"
    with standalone("--listen", f"unix:{path}") as plugin:
        assert path.stat().st_mode & 0o777 == 0o600
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert stock(channel, "Initialize", pb.InitializeRequest(), pb.InitializeResponse).success
    assert plugin.process.returncode == 0
    assert not path.exists()


async def test_sigterm_drains() -> None:
    """A subscription that would never end is told to, when the grace is over; then the process ends in order."""
    with standalone("--listen", "127.0.0.1:0", "--grace", "0.05") as plugin:
        async with Channel(plugin.listens) as channel, channel.open(f"{PLUGIN}/ExecuteStream") as call:
            start = pb.InitializeRequest(namespace="try").SerializeToString()
            await channel.unary(f"{PLUGIN}/Initialize", start, deadline=Deadline.after(10))
            asked = pb.ExecuteStreamRequest(operation="prism.data.v1.PubSub/Subscribe", metadata=NAMESPACE)
            asked.typed_params.Pack(SubscribeRequest(topic_pattern=">"))
            await call.send(asked.SerializeToString())
            await call.headers()
            plugin.process.terminate()
            last = pb.ExecuteStreamResponse.FromString(await call.receive() or b"")
            assert (last.is_final, last.status.code) == (True, Code.UNAVAILABLE)
            assert await call.receive() is None
        assert plugin.process.wait(timeout=20) == 0


NOBODY = 65534


SPEAK = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
with socket.socket(socket.AF_UNIX) as sock:
    sock.settimeout(20)
    sock.connect(sys.argv[1])
    try:
        sock.sendall(bytes.fromhex(sys.argv[3]))
        print(len(sock.recv(1)))
    except ConnectionError:
        print(0)
"""


def speaks(path: Path, user: int) -> bool:
    """Whether a process of that user gets as much as the server's first frame on a unix socket."""
    return run(sys.executable, "-c", SPEAK, str(path), str(user), (PREFACE + encode_settings({})).hex()) == "1\n"


@needs_root
def test_a_socket_that_is_open_to_others_takes_only_its_user() -> None:
    """Whoever widened its mode: the kernel says whose process connects, and strangers are cut off unless allowed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "plugin.sock"
        for options, served in (((), False), (("--allow-uid", str(NOBODY)), True)):
            with standalone("--listen", f"unix:{path}", *options):
                path.chmod(0o666)
                assert speaks(path, 0)
                assert speaks(path, NOBODY) is served


OWN = """
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from prism.backends.memory.backend import MemoryBackend
from prism.sdk import operation

file = FileDescriptorProto(name="own/own.proto", package="own", syntax="proto3")
message = file.message_type.add(name="Shake")
message.field.add(name="times", number=1, type=13, label=1)
method = file.service.add(name="Own").method.add(name="Shake", input_type=".own.Shake", output_type=".own.Shake")
Default().AddSerializedFile(file.SerializeToString())
SERVICE = Default().FindServiceByName("own.Own")
Shake = GetMessageClass(SERVICE.methods_by_name["Shake"].input_type)


class Extras:
    @operation(SERVICE.methods_by_name["Shake"])
    async def shake(self, request, context):
        return Shake(times=request.times + 1)


class OwnBackend(MemoryBackend):
    @property
    def interfaces(self):
        return (*super().interfaces, Extras())
"""


def test_grpcurl_knows_a_plugins_own_operations(grpcurl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once an instance serves, reflection describes the messages of the plugin's own .proto as well."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "__init__.py").touch()
    (tmp_path / "own" / "backend.py").write_text(OWN)
    manifest = resources.files("prism.backends.memory").joinpath("plugin.toml").read_text()
    manifest = manifest.replace('name = "memory"', 'name = "own"')
    manifest = manifest.replace("prism.backends.memory.backend:MemoryBackend", "own.backend:OwnBackend")
    (tmp_path / "own" / "plugin.toml").write_text(manifest)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    shake = {
        "operation": "own.Own/Shake",
        "metadata": NAMESPACE,
        "typedParams": {"@type": "type.googleapis.com/own.Shake", "times": 3},
    }
    with standalone("--listen", "127.0.0.1:0", name="own") as plugin:
        call = (str(grpcurl), "-plaintext", "-d")
        started = json.loads(run(*call, '{"namespace": "try"}', plugin.listens, f"{PLUGIN[1:]}/Initialize"))
        assert "own.Own/Shake" in started["supported_operations"]
        answer = json.loads(run(*call, json.dumps(shake), plugin.listens, f"{PLUGIN[1:]}/Execute"))
    assert answer["typed_result"] == {"@type": "type.googleapis.com/own.Shake", "times": 4}
