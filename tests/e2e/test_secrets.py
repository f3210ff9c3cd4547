"""Secrets in a whole gateway: rotated under load without a failed call, and never seen outside of it."""

import asyncio
import itertools
import json
import re
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import grpc
import pytest

import gateways
from prism.client import Client
from prism.config.loading import load
from prism.interfaces.keyvalue import DeleteRequest, GetRequest, PutItem, PutRequest, ScanStreamRequest
from prism.plugins.discovery import discover
from telemetry.otlp_receiver import Box, grpc_receiver

if TYPE_CHECKING:
    from prism.backends.postgres.testing import RunningServer

ROTATIONS = 5
CALLERS = 6
SERVICE = "prism.data.v1.KeyValue"
LEAKY = Path(__file__).parent / "leaky"


async def test_a_rotated_password_fails_no_call(tmp_path: Path, postgres_server: "RunningServer") -> None:
    """ALTER ROLE, then another secret file: a fresh instance takes over under load, five times."""
    role, url = f"rotated_{secrets.token_hex(4)}", urlsplit(postgres_server.create_database())
    password, directory = tmp_path / "secrets" / "password", tmp_path / "secrets"
    directory.mkdir()

    def rotate(fresh: str, *, create: bool = False) -> None:
        verb = "CREATE" if create else "ALTER"
        postgres_server.execute(f"{verb} ROLE {role} LOGIN PASSWORD '{fresh}'")
        new = directory / ".new"
        new.write_text(fresh)
        new.replace(password)

    await asyncio.to_thread(rotate, "first", create=True)
    await asyncio.to_thread(postgres_server.execute, f'ALTER DATABASE "{url.path[1:]}" OWNER TO {role}')
    where = urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))
    entry = gateways.namespace("profiles", "postgres", connection_string=where) | {
        "credentials": {"username": role, "password": "{{ secret:password }}"}
    }
    config = {"secrets": {"directory": str(directory)}, "namespaces": [entry]}
    try:
        await _rotated_under_load(config, tmp_path, rotate)
    finally:
        for statement in (f"REASSIGN OWNED BY {role} TO CURRENT_USER", f"DROP OWNED BY {role}", f"DROP ROLE {role}"):
            await asyncio.to_thread(postgres_server.execute, statement, url=urlunsplit(url))


async def _rotated_under_load(config: Mapping[str, Any], folder: Path, rotate: Callable[[str], None]) -> None:
    async with (
        gateways.serving(config, folder) as gateway,
        Client(gateway.data) as prism,
        asyncio.TaskGroup() as tasks,
    ):
        done = asyncio.Event()
        callers = [tasks.create_task(_put_and_get(prism, number, done)) for number in range(CALLERS)]
        for number in range(ROTATIONS):
            await asyncio.to_thread(rotate, f"another-{number}")
            await asyncio.to_thread(gateway.wait_for_log, f"configuration {number + 2}: namespaces 1 changed")
        done.set()
    assert min(caller.result() for caller in callers) > ROTATIONS
    assert "another-" not in gateway.log


async def _put_and_get(prism: Client, number: int, done: asyncio.Event) -> int:
    """Writes and reads back until told to stop; how often. Any failure ends the test."""
    keyvalue = prism.keyvalue("profiles")
    for count in itertools.count():
        if done.is_set():
            return count
        await keyvalue.put(f"record-{number}", {b"key": b"%d" % count})
        item = await keyvalue.get(f"record-{number}", b"key")
        assert item is not None
        assert item.value == b"%d" % count
    raise AssertionError("endless")


CANARIES = {
    "file": 'canary-file/"7\\ü%1',
    "variable": "canary-variable",
    "beside": "canary-beside",
    "inline": "canary-inline",
    "url": "canary-url",
    "header": "canary-header",
    "token": "canary-token",
    "short": "c4n4r",
}
_SEEN = re.compile(r"canary[-\w]*|c4n4r")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leaky plugin, as if its package were installed."""
    (tmp_path / "leaky").symlink_to(LEAKY)
    about = tmp_path / "leaky-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[prism.plugins]\nleaky = leaky\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)


def test_no_secret_leaves_the_gateway(tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs at debug, errors by gRPC and HTTP, probes, figures, admin, audit, spans, listings and dumps: no canary."""
    config = _planted(tmp_path, monkeypatch)
    box = Box()
    with grpc_receiver(box) as port:
        config["telemetry"]["traces"]["endpoint"] = f"http://127.0.0.1:{port}"
        gateway = gateways.GatewayProcess(config, tmp_path)
        gateway.lines = deque()
        gateway.start()
        try:
            outside = _everything_said(gateway)
            _replace(tmp_path, gateway)
            outside["errors after a rotation"] = _errors(gateway)
        finally:
            assert gateway.stop() == 0
    outside["log"] = gateway.log
    outside["audit"] = (tmp_path / "audit.jsonl").read_text()
    outside["spans"] = "\n".join(str(each.span) + str(each.resource) for each in box.spans)
    outside |= _listings(tmp_path, gateway.config)
    assert {where: sorted(set(_SEEN.findall(text))) for where, text in outside.items() if _SEEN.search(text)} == {}
    # The test would see nothing where nothing was said.
    for where, said in (
        ("log", "connecting to"),
        ("audit", "plugin.serves"),
        ("spans", "login with"),
        ("grpc", "login"),
    ):
        assert said in outside[where], where
    assert outside["log"].count("***") > 10
    assert " as prism with ***" in outside["log"]  # a user name is not secret,
    assert " as *** with ***" not in outside["log"]  # in whatever process
    assert box.headers[0]["api-key"] == CANARIES["header"]  # the one place where it belongs


def _planted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A configuration with a secret of every kind."""
    directory = folder / "secrets"
    directory.mkdir()
    (directory / "file").write_text(CANARIES["file"])
    (directory / "beside").write_text(CANARIES["beside"])
    (directory / "header").write_text(CANARIES["header"])
    monkeypatch.setenv("PRISM_SECRET_VARIABLE", CANARIES["variable"])

    def leaky(name: str, password: str, **options: Any) -> Mapping[str, Any]:
        return gateways.namespace(name, "leaky", **options) | {
            "credentials": {"username": "prism", "password": password}
        }

    traces = {"ratio": 1, "headers": {"api-key": "{{ secret:header }}"}}
    return {
        "admin": {"listen": "127.0.0.1:0"},
        "telemetry": {"listen": "127.0.0.1:0", "log": {"level": "debug", "access": True}, "traces": traces},
        "audit": {"output": str(folder / "audit.jsonl"), "calls": 1},
        "secrets": {"directory": str(directory)},
        "policies": {"default": {"breaker": {}, "retries": {}}},
        "namespaces": [
            leaky("file", "{{ secret:file }}", url=f"x://user:{CANARIES['url']}@host/"),
            leaky("variable", "{{ secret:variable }}"),
            {**leaky("beside", "{{ secret:beside }}"), "plugin": {"type": "sidecar"}},
            leaky("inline", CANARIES["inline"]),
            leaky("short", CANARIES["short"]),
            leaky("fails", "{{ secret:variable }}", fails=True, url=f"x://user:{CANARIES['url']}@host/"),
        ],
    }


def _everything_said(gateway: gateways.GatewayProcess) -> dict[str, str]:
    """What a running gateway says where anybody may ask."""
    said = {"grpc": _errors(gateway), "http": _http_errors(gateway)}
    for path in ("/metrics", "/health/ready", "/health/ready?namespace=fails"):
        said[path] = _fetched(f"http://{gateway.metrics}{path}")
    (admin,) = (line.split()[1] for line in gateway.lines if line.strip().startswith("admin "))
    said["processes"] = _processes(gateway.pid)
    for path in ("plugin/list", "plugin/status", "namespace/list", "namespace/describe?namespace=file"):
        said[f"admin {path}"] = _fetched(f"http://{admin}/admin/{path}")
    return said


def _processes(gateway: int) -> str:
    """The command lines and environments of the gateway's plugins, as other programs of its user may read them."""
    children = Path(f"/proc/{gateway}/task/{gateway}/children").read_text().split()
    assert children
    return "".join(Path(f"/proc/{pid}/{what}").read_text() for pid in children for what in ("cmdline", "environ"))


def _errors(gateway: gateways.GatewayProcess) -> str:
    """What a stock client is told, details and trailers too."""
    requests = {
        "Get": GetRequest(id="r", keys=[b"k"]),
        "Put": PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]),
        "Delete": DeleteRequest(id="r", keys=[b"k"]),
        "ScanStream": ScanStreamRequest(id="r"),
    }
    told = []
    with grpc.insecure_channel(gateway.data) as channel:
        for name, (method, request) in itertools.product(
            ("file", "variable", "beside", "inline", "short", "fails"), requests.items()
        ):
            kind = channel.unary_stream if method == "ScanStream" else channel.unary_unary
            metadata = [("prism-namespace", name), ("authorization", f"Bearer {CANARIES['token']}")]
            with pytest.raises(grpc.RpcError) as caught:
                list(kind(f"/{SERVICE}/{method}")(request.SerializeToString(), metadata=metadata))
            told.append(f"{caught.value.details()} {caught.value.trailing_metadata()}")
    return "\n".join(told)


def _http_errors(gateway: gateways.GatewayProcess) -> str:
    headers = {
        "content-type": "application/json",
        "prism-namespace": "file",
        "authorization": f"Bearer {CANARIES['token']}",
    }
    body = json.dumps({"id": "r", "keys": ["aw=="]}).encode()
    return _fetched(urllib.request.Request(f"http://{gateway.data}/{SERVICE}/Get", body, headers))


def _fetched(request: str | urllib.request.Request) -> str:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            text: str = answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode()
    return text


def _replace(folder: Path, gateway: gateways.GatewayProcess) -> None:
    """Another secret; the one before stays secret."""
    fresh = folder / "secrets" / ".new"
    fresh.write_text("canary-second")
    fresh.replace(folder / "secrets" / "file")
    gateway.wait_for_log("configuration 2: namespaces 1 changed")


def _listings(folder: Path, config: Path) -> dict[str, str]:
    """What the command line says of the configuration, right and wrong, and what a dump of it holds."""
    said = {}
    for arguments in (("namespace", "list"), ("namespace", "describe", "file"), ("namespace", "validate")):
        command = [sys.executable, "-m", "prism", *arguments, "--config", str(config)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        said[" ".join(arguments)] = done.stdout + done.stderr
    loaded = load(config, discover())
    said["repr"] = repr(loaded) + repr(loaded.namespaces)
    said["dump"] = loaded.config.model_dump_json() + str(loaded.config.model_dump())
    wrong = folder / "wrong.yaml"
    wrong.write_text(
        config.read_text().replace("fails: true", "fails: '{{ secret:file }}'").replace("calls: 1", "calls: 9")
    )
    command = [sys.executable, "-m", "prism", "namespace", "validate", "--config", str(wrong)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    said["mistakes"] = done.stdout + done.stderr
    return said
