"""Images as an orchestrator runs them: their user, a root that is read-only, no capability; probed, called, ended.

`make test` has the gateway's. `make acceptance` has all of them, with their real brokers, and writes
docs/reports/images.md.
"""

import asyncio
import json
import stat
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from deploy.built import Mounted, able, build, buildah, catalogue, digest, mounted
from deploy.confined import Confined
from deploy.image_report import Row, note
from gateways import GatewayProcess, namespace
from prism._proto.grpc.health.v1 import health_pb2
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.acceptance.store.held_port import HeldPort
from prism.client import Client
from roles.adr_environment import sides

SAMPLE: Final = ("gateway",)
GRACE: Final = 60.0
"""Seconds that a process has to end, on a machine that is busy."""
UNNEEDED: Final = (
    "bin/sh",
    "bin/bash",
    "bin/dash",
    "bin/apt",
    "bin/dpkg",
    "bin/pip",
    "bin/busybox",
    "bin/perl",
    "busybox",
)
NAMED: Final = {"/tmp": 0o1777, "/run/prism": 0o755, "/var/lib/prism": 0o755, "/home/nonroot": 0o755}
"""What others than root may write, or own."""
WITHOUT_STORE: Final = ("memory", "sqlite", "files")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One image in samples."""
    if "image" in metafunc.fixturenames:
        names = [image.name for image in catalogue().images()]
        whole = metafunc.config.getoption("--matrix") == "whole"
        metafunc.parametrize("image", names if whole else SAMPLE, scope="module")


@pytest.fixture(scope="module")
def seen(image: str) -> Iterator[Mounted]:
    """The image, built and mounted."""
    able()
    build(image)
    with mounted(f"prism/{image}:latest") as found:
        yield found


def test_files(image: str, seen: Mounted) -> None:
    """Nothing is setuid, nothing is writable but what is named, and there is no shell, no package manager."""
    wrong = []
    for path, status in seen.files():
        mode = stat.S_IMODE(status.st_mode)
        owned = 65532 if path in NAMED and path != "/tmp" else 0
        if (status.st_uid, status.st_gid) != (owned, owned):
            wrong.append(f"{path} is of {status.st_uid}:{status.st_gid}")
        if stat.S_ISLNK(status.st_mode):
            continue
        if mode & (stat.S_ISUID | stat.S_ISGID) or (mode & 0o022 and NAMED.get(path) != mode):
            wrong.append(f"{path} has the mode {mode:o}")
        wrong += [f"{path} is there" for each in UNNEEDED if path.endswith(f"/{each}")]
    assert not wrong
    assert seen.user == "65532:65532"
    assert seen.labels["org.opencontainers.image.ref.name"] == f"prism/{image}"


def test_bill_of_materials(seen: Mounted) -> None:
    """It names Prism, the interpreter and the packages of Debian that libraries came from, each once."""
    bill = json.loads((seen.root / "usr/share/prism/sbom.cdx.json").read_text())
    urls = [each["purl"] for each in bill["components"]]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert len(urls) == len(set(urls))
    for begins in ("pkg:pypi/prism-gateway@", "pkg:pypi/pydantic@", "pkg:generic/cpython@3.", "pkg:deb/debian/libc6@"):
        assert any(each.startswith(begins) for each in urls), begins


async def test_runs(image: str, seen: Mounted, tmp_path: Path) -> None:
    """Ready, called, asked for its health and its metrics, and ended by SIGTERM, as process 1 without powers."""
    entry = next(each for each in catalogue().images() if each.name == image)
    with ExitStack() as stack:
        if entry.kind == "gateway":
            row = await asyncio.to_thread(_gateway, seen, tmp_path)
        elif entry.kind == "plugin":
            row = await asyncio.to_thread(_plugin, seen, tmp_path, entry.plugin)
        else:
            environment = stack.enter_context(sides(entry.broker, entry.role, tmp_path))
            row = await asyncio.to_thread(_role, seen, tmp_path, environment)
    note(image, Row(seen.size(), len(list(seen.files())), *row))


@pytest.mark.slow
def test_two_builds_are_equal(whole: bool) -> None:
    """Without a cache: one digest."""
    able()
    if not whole:
        pytest.skip("a second build takes as long as the first: of `make acceptance` and of whole runs")
    build("redis")
    first = digest("prism/redis-plugin:latest")
    buildah("rmi", "--force", "prism/redis-plugin:latest")
    buildah("rmi", "--prune", "--force")
    build("redis")
    assert digest("prism/redis-plugin:latest") == first


@pytest.mark.slow
def test_debug_has_a_shell(whole: bool, tmp_path: Path) -> None:
    """/busybox/sh, as the README of the plugins has it; in all else it is the same."""
    able()
    if not whole:
        pytest.skip("of `make acceptance` and of whole runs")
    build("redis-debug")
    with mounted("prism/redis-plugin:debug") as found:
        shell = Confined(found.root, ["/busybox/sh", "-c", "id -u; ls /bin/python3"], found.environment, tmp_path)
        deadline = time.monotonic() + GRACE
        while shell.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert shell.log.split() == ["65532", "/bin/python3"]


def _gateway(seen: Mounted, folder: Path) -> tuple[float, int, float]:
    """Its call is a Put and a Get on SQLite; its probes are on the port of its metrics."""
    data, probes = HeldPort(), HeldPort()
    config = {
        "gateway": {"listen": f"127.0.0.1:{data}"},
        "telemetry": {"listen": f"127.0.0.1:{probes}"},
        "admin": {"enabled": False},
        "namespaces": [{"name": "default", "backend": "sqlite", "config": {"path": "/var/lib/prism/data.db"}}],
    }
    etc = folder / "etc"
    etc.mkdir()
    (etc / "prism.yaml").write_text(json.dumps(config))
    process = Confined(seen.root, seen.command, seen.environment, folder, {"/etc/prism": etc})
    with _closing(process):
        started = _ready(process, str(probes))
        asyncio.run(_stored(f"127.0.0.1:{data}"))
        assert "prism_requests_total" in _page(str(probes), "/metrics")
        return started, process.memory(), _ended(process)


def _plugin(seen: Mounted, folder: Path, plugin: str) -> tuple[float, int, float]:
    """Its call is what it says of itself; and one through a gateway, where it needs no store."""
    assert seen.environment["PRISM_PLUGIN_PROBES"].endswith(":8081")
    assert seen.environment["PRISM_PLUGIN_METRICS"].endswith(":9090")
    listen, probes, metrics = HeldPort(), HeldPort(), HeldPort()
    environment = seen.environment | {
        "PRISM_PLUGIN_LISTEN": f"127.0.0.1:{listen}",
        "PRISM_PLUGIN_PROBES": f"127.0.0.1:{probes}",
        "PRISM_PLUGIN_METRICS": f"127.0.0.1:{metrics}",
    }
    process = Confined(seen.root, seen.command, environment, folder)
    with _closing(process):
        started = _ready(process, str(probes))
        information = asyncio.run(_information(f"127.0.0.1:{listen}"))
        assert information.name == plugin
        if plugin in ("memory", "sqlite"):
            config = {"path": "/var/lib/prism/data.db"} if plugin == "sqlite" else {}
            entry = namespace("default", plugin, **config)
            entry["plugin"] = {"type": "remote", "endpoint": f"127.0.0.1:{listen}"}
            gateway = GatewayProcess({"namespaces": [entry]}, folder / "gateway")
            gateway.start()
            try:
                gateway.wait_until_served("default")
                asyncio.run(_stored(gateway.data))
            finally:
                gateway.stop()
        assert "prism_plugin" in _page(str(metrics), "/metrics")
        return started, process.memory(), _ended(process)


def _role(seen: Mounted, folder: Path, environment: Mapping[str, str]) -> tuple[float, int, float]:
    """It is ready with both sides; its call is what it says of itself."""
    probes, metrics = HeldPort(), HeldPort()
    ports = {"PRISM_HEALTH_PORT": str(probes), "PRISM_METRICS_PORT": str(metrics)}
    process = Confined(seen.root, seen.command, seen.environment | environment | ports, folder)
    with _closing(process):
        started = _ready(process, str(probes))
        address = environment.get("PRISM_PLUGIN_LISTEN", f"127.0.0.1:{probes}")
        information = asyncio.run(_information(address))
        assert information.role == seen.environment["PRISM_PLUGIN_ROLE"]
        counted = "prism_plugin" if "PRISM_PLUGIN_LISTEN" in environment else "prism_role_messages_total"
        assert counted in _page(str(metrics), "/metrics")
        return started, process.memory(), _ended(process)


@contextmanager
def _closing(process: Confined) -> Iterator[None]:
    try:
        yield
    except BaseException:
        print(process.log)
        raise
    finally:
        process.close()


def _ready(process: Confined, port: str) -> float:
    """Seconds until the readiness probe says so; as an orchestrator does, by asking."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                break
        except OSError:
            assert process.running(), process.log
            assert time.monotonic() - process.began < GRACE, process.log
            time.sleep(0.01)
    took = time.monotonic() - process.began
    assert _page(port, "/health/live")
    return took


def _ended(process: Confined) -> float:
    """Seconds from SIGTERM to an end in order."""
    began = time.monotonic()
    assert process.end(GRACE) == 0, process.log
    return time.monotonic() - began


async def _stored(address: str) -> None:
    async with Client(address) as client:
        await client.keyvalue("default").put("account:1", {b"plan": b"team"})
        item = await client.keyvalue("default").get("account:1", b"plan")
        assert item is not None
        assert item.value == b"team"
        await _serving(client)


async def _information(address: str) -> pb.GetInfoResponse:
    async with Client(address) as client:
        await _serving(client)
        return await client.call("default", "prism.plugin.v1.PluginInfoService/GetInfo", pb.GetInfoRequest())


async def _serving(client: Client) -> None:
    answer = await client.call("default", "grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def _page(port: str, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text
