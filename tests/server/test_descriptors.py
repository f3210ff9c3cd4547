"""A gateway and the limit of open files: raised, refused where it is too low, lived with where it is reached."""

import asyncio
import re
import resource
import socket
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from prism.acceptance.run.gateway_process import NotServing, running
from prism.client import Client

FILES = resource.RLIMIT_NOFILE


def limited(soft: int, hard: int) -> list[str]:
    """A command that runs another with these limits, as its child."""
    return ["/bin/sh", "-c", f'ulimit -S -n {soft}; ulimit -H -n {hard}; "$@"; exit $?', "sh"]


def metrics(address: str) -> dict[str, float]:
    """A scrape, by the names with their labels."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines if each[0] != "#")}


def test_the_soft_limit_is_raised_and_plugins_get_their_own(tmp_path: Path) -> None:
    """As a login gives it, 256 of 1024 here; and at rest hardly any is in use."""
    kept = {"name": "a", "backend": "memory", "config": {"store": "s"}, "plugin": {"type": "sidecar"}}
    with running({"namespaces": [kept]}, tmp_path, wrapper=limited(256, 1024)) as gateway:
        gateway.wait_until_served("a")
        pid = int(re.search(r"process with pid (\d+)", gateway.log)[1])  # type: ignore[index]
        assert resource.prlimit(gateway.pid, FILES) == (1024, 1024)
        assert resource.prlimit(pid, FILES) == (1024, 1024)  # ours raises its own too
        counted = metrics(gateway.metrics)
        assert counted["process_max_fds"] == 1024
        assert counted["process_open_fds"] < 40


def test_with_too_few_it_does_not_start(tmp_path: Path) -> None:
    """One sentence that says what to do."""
    with pytest.raises(NotServing) as caught, running({"namespaces": []}, tmp_path, wrapper=limited(64, 64)):
        pass
    said = str(caught.value)
    assert "this process may open only 64 files and sockets, and a gateway needs at least 128" in said
    assert "raise the hard limit of open files" in said
    assert "Traceback" not in said


async def test_callers_take_no_descriptor_that_stores_and_probes_need(tmp_path: Path) -> None:
    """What connects beyond them is closed at once; open connections, probes, stores and a reload go on."""
    stored = {"name": "a", "backend": "sqlite", "config": {"path": str(tmp_path / "a.db")}}
    with running({"namespaces": [stored]}, tmp_path, wrapper=limited(128, 128)) as gateway, ExitStack() as stack:
        host, _, port = gateway.data.rpartition(":")
        async with Client(gateway.data) as client:
            await client.keyvalue("a").put("r", {b"k": b"v"})
            for _ in range(128):
                stack.enter_context(socket.create_connection((host, int(port))))
            said = await asyncio.to_thread(gateway.wait_for_log, "new connections are closed at once")
            assert "96 of 128 descriptors are in use, and the last 32 are kept" in said
            assert await client.keyvalue("a").get("r", b"k")
            added = {"name": "b", "backend": "sqlite", "config": {"path": str(tmp_path / "b.db")}}
            gateway.write_config({"namespaces": [stored, added]})
            await asyncio.to_thread(gateway.wait_until_served, "b")
            counted = await asyncio.to_thread(metrics, gateway.metrics)
            assert counted['prism_descriptor_shortages_total{what="accept_refused"}'] > 10
            assert counted['prism_descriptor_shortages_total{what="operation"}'] == 0
