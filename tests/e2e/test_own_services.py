"""A plugin's own operations through a whole gateway: in every placement, by every way in, as operators see them."""

import asyncio
import base64
import hashlib
import json
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

import relays
from cli.command import prism as command
from gateways import GatewayProcess
from prism.acceptance.relay.backend import FAIL
from prism.acceptance.relay.service import METHODS, NAME
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.client import Client, FailedPrecondition, Outcome, PermissionDenied, Unimplemented
from prism.client.sync import Client as SyncClient

PLACEMENTS = ("here", "sidecar", "remote")
KEYS = {"all": ["read", "write"], "reader": ["read"]}
PARTS = [b"one", b"two" * 30_000, b""]
SUM = b"3 parts, 90003 bytes, "


def token(name: str) -> str:
    return f"prism_key-of-{name}"


def configured(*namespaces: dict[str, Any]) -> dict[str, Any]:
    keys = [
        {"name": name, "hash": f"sha256:{hashlib.sha256(token(name).encode()).hexdigest()}", "operations": operations}
        for name, operations in KEYS.items()
    ]
    return {
        "authentication": {"methods": [{"type": "api_keys", "keys": keys}]},
        "authorization": {"rules": [{"principals": ["*"], "operations": ["read", "write"], "namespaces": ["*"]}]},
        "namespaces": [*namespaces],
    }


def relay(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "backend": "relay", "services": [NAME], "config": {"store": name}, **more}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The relay in each placement, and once without its operations."""
    folder = tmp_path_factory.mktemp("relay")
    elsewhere = RemotePlugins(relays.RELAY, folder)
    with pytest.MonkeyPatch.context() as patch:
        relays.install(folder, patch)
        try:
            remote = dict(asyncio.run(elsewhere.start(1)))
            plain = relay("plain")
            del plain["services"]
            yield configured(
                relay("here"),
                relay("sidecar", plugin={"type": "sidecar"}),
                relay("remote", plugin=remote),
                plain,
            )
        finally:
            asyncio.run(elsewhere.stop())


@pytest.fixture(scope="module")
def gateway(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway of them all."""
    process = GatewayProcess(config, tmp_path_factory.mktemp("gateway")).start()
    try:
        for name in PLACEMENTS:
            process.wait_until_served(name)
        yield process
    finally:
        assert process.stop() == 0


@pytest.fixture
async def client(gateway: GatewayProcess) -> AsyncIterator[Client]:
    """Our client, which may read and write."""
    async with Client(gateway.data, token=token("all")) as client:
        yield client


async def given(*parts: bytes) -> AsyncIterator[BytesValue]:
    for part in parts:
        yield BytesValue(value=part)


@pytest.mark.parametrize("namespace", PLACEMENTS)
async def test_all_four_kinds_by_stock_grpcio(gateway: GatewayProcess, namespace: str) -> None:
    """As any gRPC client calls a service whose .proto it has."""
    about = [("prism-namespace", namespace), ("authorization", f"Bearer {token('all')}")]
    async with grpc.aio.insecure_channel(gateway.data) as channel:

        def method(kind: str, name: str, response: Any = BytesValue) -> Any:
            return getattr(channel, kind)(
                f"/{NAME}/{name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )

        echoed = await method("unary_unary", "Echo")(BytesValue(value=b"x"), metadata=about, timeout=20)
        assert echoed.value == b"x"
        down = method("unary_stream", "Down")(Int64Value(value=2), metadata=about, timeout=20)
        assert [each.value async for each in down] == [b"part 0", b"part 1"]
        summed = await method("stream_unary", "Up")(given(*PARTS), metadata=about, timeout=20)
        assert summed.value.startswith(SUM)
        both = method("stream_stream", "Both")(metadata=about, timeout=20)
        for part in PARTS:
            await both.write(BytesValue(value=part))
            assert (await both.read()).value == part
        await both.done_writing()
        assert await both.read() is grpc.aio.EOF
        assert await both.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("namespace", PLACEMENTS)
async def test_all_four_kinds_by_stock_grpc_go(gateway: GatewayProcess, go_peer: Path, namespace: str) -> None:
    """As a program in Go does."""
    asked = await asyncio.create_subprocess_exec(
        go_peer, "relay", gateway.data, namespace, token("all"), stderr=asyncio.subprocess.PIPE
    )
    _, said = await asked.communicate()
    assert asked.returncode == 0, said.decode()


@pytest.mark.parametrize("namespace", PLACEMENTS)
async def test_all_four_kinds_by_our_client(client: Client, namespace: str) -> None:
    """By full names; an empty message is one like any other."""
    echoed = await client.call(namespace, f"{NAME}/Echo", BytesValue(value=b"x"))
    assert echoed == BytesValue(value=b"x")
    down = client.stream(namespace, f"{NAME}/Down", Int64Value(value=2))
    assert [each.value async for each in down] == [b"part 0", b"part 1"]
    assert (await client.call(namespace, f"{NAME}/Up", given(*PARTS))).value.startswith(SUM)
    both = client.stream(namespace, METHODS["Both"], given(*PARTS))
    assert [each.value async for each in both] == PARTS
    with pytest.raises(FailedPrecondition, match="told to fail") as failed:
        await client.call(namespace, f"{NAME}/Up", given(b"one", FAIL, *[b"more"] * 50))
    assert failed.value.outcome is Outcome.NOT_APPLIED
    assert (await client.call(namespace, f"{NAME}/Open", BytesValue())).value == 0


@pytest.mark.parametrize("namespace", PLACEMENTS)
async def test_streams_of_requests_by_connect_go(gateway: GatewayProcess, buf: Path, namespace: str) -> None:
    """By buf, which is built on it, and which asks the gateway for the description the same way: three parts arrive."""
    about = ["-H", f"prism-namespace: {namespace}", "-H", f"authorization: Bearer {token('all')}"]
    three = '"eA==" "" "eQ=="'
    for method, said in (("Up", None), ("Both", three.split())):
        url = f"http://{gateway.data}/{NAME}/{method}"
        done = await asyncio.create_subprocess_exec(
            *(buf, "curl", "--http2-prior-knowledge", *about, "-d", three, url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await done.communicate()
        assert done.returncode == 0, err
        if said is None:
            assert base64.b64decode(json.loads(out)).startswith(b"3 parts, 2 bytes, ")
        else:
            assert out.decode().split() == said


def test_the_client_without_await(gateway: GatewayProcess) -> None:
    """Streams of requests are any iterables."""
    with SyncClient(gateway.data, token=token("all")) as client:
        assert client.call("sidecar", f"{NAME}/Echo", BytesValue(value=b"x")).value == b"x"
        parts = (BytesValue(value=each) for each in PARTS)
        assert client.call("sidecar", f"{NAME}/Up", parts).value.startswith(SUM)
        both = client.stream("sidecar", f"{NAME}/Both", [BytesValue(value=each) for each in PARTS])
        assert [each.value for each in both] == PARTS


async def test_who_has_them_and_who_may(gateway: GatewayProcess, client: Client) -> None:
    """Only a namespace that opts in; a reader what has no side effects."""
    with pytest.raises(Unimplemented, match=f"not {NAME}"):
        await client.call("plain", f"{NAME}/Echo", BytesValue())
    async with Client(gateway.data, token=token("reader")) as reader:
        down = reader.stream("sidecar", f"{NAME}/Down", Int64Value(value=1))
        assert [each.value async for each in down] == [b"part 0"]
        for method, asked in (("Echo", BytesValue()), ("Up", given())):
            with pytest.raises(PermissionDenied, match="may not write"):
                await reader.call("sidecar", f"{NAME}/{method}", asked)


async def test_over_http(gateway: GatewayProcess) -> None:
    """JSON for one request, envelopes for a stream of responses; the front page lists the service."""

    def ask(path: str, body: bytes | None, kind: str = "application/json") -> tuple[int, bytes]:
        about = {"prism-namespace": "sidecar", "authorization": f"Bearer {token('all')}", "content-type": kind}
        request = urllib.request.Request(f"http://{gateway.data}{path}", body, about)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()

    assert await asyncio.to_thread(ask, f"/{NAME}/Echo", b'"eHl6"') == (200, b'"eHl6"')
    message = b'"2"'
    envelope = b"\0" + len(message).to_bytes(4, "big") + message
    _, stream = await asyncio.to_thread(ask, f"/{NAME}/Down", envelope, "application/connect+json")
    assert stream.count(b'"cGFydCA') == 2
    assert NAME.encode() in (await asyncio.to_thread(ask, "/", None))[1]


async def test_what_operators_see(gateway: GatewayProcess, config: dict[str, Any], client: Client) -> None:
    """Metrics by configured names, the services of a namespace."""
    await client.call("sidecar", f"{NAME}/Echo", BytesValue())

    def metrics() -> str:
        with urllib.request.urlopen(f"http://{gateway.metrics}/metrics", timeout=20) as answer:
            return str(answer.read(), "utf-8")

    assert f'prism_requests_total{{namespace="sidecar",operation="{NAME}/Echo",status="OK"}}' in (
        await asyncio.to_thread(metrics)
    )
    shown = await command("namespace", "describe", "sidecar", "--config", str(gateway.config), "-o", "json")
    assert shown.code == 0, shown.err
    assert json.loads(shown.out)["services"] == [NAME]


async def test_the_command(gateway: GatewayProcess) -> None:
    """Each kind of operation, by as much of the name as is unique; what is wrong is said with the exit code."""

    async def call(*arguments: str, stdin: bytes = b"") -> Any:
        return await command("call", *arguments, endpoint=gateway.data, stdin=stdin, PRISM_TOKEN=token("all"))

    done = await call("sidecar", "Echo", '"eHl6"')
    assert (done.code, done.out) == (0, '"eHl6"\n'), done.err
    done = await call("remote", f"{NAME}/Down", '"2"')
    assert (done.code, done.out.split()) == (0, ['"cGFydCAw"', '"cGFydCAx"']), done.err
    done = await call("here", "Relay/Both", stdin=b'"eA=="\n\n"eQ=="\n')
    assert (done.code, done.out.split()) == (0, ['"eA=="', '"eQ=="']), done.err
    done = await call("sidecar", "Up", stdin=b'"eA=="\n"eQ=="')
    assert done.code == 0, done.err
    done = await call("sidecar", "KeyValue/Get", '{"id": "r", "keys": ["aw=="]}')
    assert (done.code, done.out) == (0, "{}\n"), done.err
    for arguments, code, said in (
        (("sidecar", "Get"), 2, "ambiguous; give one of prism.data.v1.Cache/Get, prism.data.v1.KeyValue/Get"),
        (("sidecar", "Ech"), 2, f"did you mean {NAME}/Echo?"),
        (("sidecar", "KeyValue/Get", '{"idd": ""}'), 2, "did you mean id?"),
        (("sidecar", "Up", "{}"), 2, "takes a stream of requests; give them on standard input"),
        (("plain", "Echo", '""'), 2, "namespace 'plain' serves"),
    ):
        done = await call(*arguments)
        assert (done.code, done.out) == (code, ""), (arguments, done)
        assert said in done.err, (arguments, done.err)
