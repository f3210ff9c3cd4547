"""Control over plugins in processes of their own: kept up, replaced without a gap, rolled back, moved by one line."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from control.world import World, until
from plugins.sidecars import SERVING, is_running
from prism.control.describe import rows
from prism.control.timing import Timing
from prism.errors import BackendUnavailable, Outcome
from prism.gateway.chain_state import ChainState
from prism.plugins.rpc import instance
from prism.plugins.sidecar import process, sidecar

PATIENT = Timing(start_timeout=20.0, reload_timeout=20.0, retry_first=0.02, retry_max=0.1, watch_interval=0.2)
OFTEN = {"probe_interval": 0.05, "stuck_after": 2, "backoff_first": 0.02, "backoff_max": 0.1}

MANIFEST = """
name = "odd"
version = "1.0"
protocol = 1
summary = "A script."
maturity = "alpha"
interfaces = ["keyvalue"]
command = ["./serve"]
pinned = true

[config.label]

[capabilities]
durability = {durability}
reload = "{reload}"
"""

PLUGIN = (
    f"#!{sys.executable}\n"
    + SERVING
    + """
METHODS["/prism.plugin.v1.BackendPlugin/Execute"] = lambda _: b"\\x08\\x01\\x2a\\x00"
"""
)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A gateway that waits for its plugins' starts, and not for their ends."""
    monkeypatch.setattr(sidecar, "SHUTDOWN_TIMEOUT", 0.5)
    monkeypatch.setattr(process, "TERM_TIMEOUT", 0.2)
    world = World(tmp_path, timing=PATIENT, supervision=OFTEN)
    yield world
    await world.control.stop()


def sqlite(folder: Path, name: str = "s", **more: Any) -> dict[str, Any]:
    return {"name": name, "backend": "sqlite", "config": {"path": str(folder / "s.db"), **more}}


SIDECAR = {"plugin": {"type": "sidecar"}}


def pid_of(world: World, name: str) -> int:
    pid = world.control.served[name].instances[0].instance.status()["pid"]
    assert isinstance(pid, int)
    return pid


def folder_of(tmp_path: Path, body: str, reload: str = "overlap", durability: str = '"store"') -> Path:
    """A plugin folder with a script in it."""
    folder = tmp_path / "plugins" / "odd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plugin.toml").write_text(MANIFEST.format(reload=reload, durability=durability))
    fresh = folder / ".serve"
    fresh.write_text(PLUGIN + body + "\nasyncio.run(main())\n")
    fresh.chmod(0o755)
    fresh.replace(folder / "serve")
    return folder.parent


async def test_one_line_moves_a_namespace_between_placements(world: World, tmp_path: Path) -> None:
    """There and back, with its data, without a failed call."""
    world.write(sqlite(tmp_path))
    await world.control.start()
    await world.put("s", b"1")
    for more, placement in ((SIDECAR, "sidecar"), ({}, "in_process")):
        world.write(sqlite(tmp_path) | more)
        assert list((await world.control.reload()).changed) == ["s"]
        assert next(rows(world.control.served["s"].spec))["placement"] == placement
        assert await world.get("s") == b"1"


async def test_memory_does_not_leave_its_data_behind(world: World) -> None:
    """What is in the memory of one process is not in another's; asked for, a new process begins with nothing."""
    entry = {"name": "m", "backend": "memory", "config": {"store": "test-placement"}}
    world.write(entry)
    await world.control.start()
    await world.put("m", b"1")
    world.write(entry | SIDECAR)
    assert not (await world.control.reload()).applied
    world.write(
        entry | {"config": {"store": "test-placement-2"}} | SIDECAR,
    )
    assert not (await world.control.reload()).applied
    assert await world.get("m") == b"1"


def memory(command: list[str], **more: Any) -> dict[str, Any]:
    """A namespace in the memory of a program."""
    plugin = {"type": "sidecar", "command": command}
    return {"name": "m", "backend": "memory", "config": {"store": "guarded"}, "plugin": plugin} | more


async def test_a_broken_program_is_told_as_one(world: World) -> None:
    """Not as another store: with how it ended and what it printed, and everything else of the file is served."""
    serving = [sys.executable, "-m", "prism.sdk", "memory"]
    world.write(memory(serving))
    await world.control.start()
    await world.put("m", b"1")
    world.write(memory(["/bin/sh", "-c", "echo no such library >&2; exit 3"]), {"name": "n", "backend": "memory"})
    report = await world.control.reload()
    assert report.applied
    assert "exited with code 3" in report.held["m"]
    assert "it printed: no such library" in report.held["m"]
    assert list(report.added) == ["n"]
    assert await world.get("m") == b"1"
    world.write(memory([*serving, "--log-level", "debug"]))
    report = await world.control.reload()
    (problem,) = report.problems
    assert "holds data in the memory of its plugin's process" in problem.message
    assert "another store" not in problem.message
    assert await world.get("m") == b"1"


@pytest.mark.parametrize("came_up", [False, True])
async def test_a_program_that_holds_nothing_is_corrected_by_a_reload(
    world: World, tmp_path: Path, came_up: bool
) -> None:
    """One that never started, and one that has ended and cannot start again."""
    flag = tmp_path / "broken"
    program = f"test -e {flag} && exit 3; exec {sys.executable} -m prism.sdk memory"
    if not came_up:
        flag.touch()
    world.write(memory(["/bin/sh", "-c", program]))
    await world.control.start()
    if came_up:
        await world.put("m", b"1")
        flag.touch()
        os.kill(pid_of(world, "m"), signal.SIGKILL)
    await until(lambda: "code 3" in world.control.refusal("m"))
    world.write(memory([sys.executable, "-m", "prism.sdk", "memory"]))
    report = await world.control.reload()
    assert list(report.changed) == ["m"]
    await world.put("m", b"2")


@pytest.mark.parametrize("reload", ["overlap", "handover"])
async def test_a_file_beside_the_program_costs_no_data(world: World, tmp_path: Path, reload: str) -> None:
    """What is in the process's memory only is kept, with the reason and how to lose it; asked for, it is replaced.

    A file that is not run is not even a reason.
    """
    folder = folder_of(tmp_path, LETS_GO, reload, durability='"none"')
    world.write({"name": "o", "backend": "odd"}, plugins={"folders": [str(folder)]})
    await world.control.start()
    first = pid_of(world, "o")
    (folder / "odd" / "notes.txt").write_text("nothing of the program's")
    assert not (await world.control.reload()).held
    assert pid_of(world, "o") == first
    (folder / "odd" / "libodd.so").write_text("of the program's")
    world.write({"name": "o", "backend": "odd"}, {"name": "n", "backend": "memory"}, plugins={"folders": [str(folder)]})
    report = await world.control.reload()
    assert report.applied
    assert "files of plugin 'odd' have changed" in report.held["o"]
    assert "`prism plugin reload o`" in report.held["o"]
    assert list(report.added) == ["n"]
    assert pid_of(world, "o") == first
    await world.put("o", b"")
    report = await world.control.reload(namespace="o", force=True)
    assert list(report.changed) == ["o"]
    assert "is lost" in "".join(report.notes)
    assert pid_of(world, "o") != first


async def test_a_plugin_that_dies_is_back_by_itself(world: World, tmp_path: Path) -> None:
    """It refuses meanwhile, with nothing applied, and touches no other namespace."""
    world.write(sqlite(tmp_path) | SIDECAR, {"name": "m", "backend": "memory"})
    await world.control.start()
    await world.put("s", b"1")
    first = pid_of(world, "s")
    os.kill(first, signal.SIGKILL)
    supervised = world.control.served["s"].instances[0]
    await until(lambda: supervised.instance.refusal)
    with pytest.raises(BackendUnavailable, match="was killed by SIGKILL") as caught:
        await world.put("s", b"2")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert caught.value.retry_after
    await world.put("m", b"1")
    await until(lambda: not supervised.instance.refusal)
    assert await world.get("s") == b"1"
    assert pid_of(world, "s") != first
    assert supervised.restarts == 1


async def test_its_breaker_is_closed_when_it_is_back(world: World, tmp_path: Path) -> None:
    """The calls that its death ended are no reason to refuse those of the new process."""
    chain_state = world.chain_state = ChainState()
    world.write(sqlite(tmp_path) | SIDECAR, policies={"default": {"breaker": {"consecutive": 3, "open": 3600}}})
    await world.control.start()
    await world.put("s", b"1")
    supervised = world.control.served["s"].instances[0]
    failed = asyncio.Event()

    async def caller() -> None:
        while True:
            try:
                await world.get("s")
            except BackendUnavailable:
                failed.set()
                await asyncio.sleep(0.001)

    for _ in range(2):
        callers = [asyncio.ensure_future(caller()) for _ in range(32)]
        await until(lambda: supervised.instance.active > 8)
        failed.clear()
        before = supervised.restarts
        os.kill(pid_of(world, "s"), signal.SIGKILL)
        await failed.wait()
        await until(lambda before=before: supervised.restarts > before and not supervised.instance.refusal)
        for each in callers:
            each.cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert await world.get("s") == b"1"
        assert {each.state for each in chain_state.status().values()} == {"closed"}
    await chain_state.stop()


async def test_a_stuck_plugin_is_killed_and_started_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it has not answered several probes."""
    monkeypatch.setattr(instance, "PROBE_TIMEOUT", 0.5)
    monkeypatch.setattr(instance, "ALIVE_TIMEOUT", 0.5)
    world.write(sqlite(tmp_path) | SIDECAR)
    await world.control.start()
    await world.put("s", b"1")
    first = pid_of(world, "s")
    os.kill(first, signal.SIGSTOP)
    supervised = world.control.served["s"].instances[0]
    await until(lambda: supervised.restarts)
    await until(lambda: not supervised.instance.refusal)
    assert not is_running(first)
    assert await world.get("s") == b"1"


async def test_a_plugin_is_renewed_without_a_gap(world: World, tmp_path: Path) -> None:
    """A new process beside the old, then the swap; the old one is gone afterwards."""
    world.write(sqlite(tmp_path) | SIDECAR)
    await world.control.start()
    await world.put("s", b"1")
    done = asyncio.Event()

    async def caller() -> int:
        calls = 0
        while not done.is_set():
            assert await world.get("s") == b"1"
            calls += 1
            await asyncio.sleep(0.002)
        return calls

    callers = [asyncio.ensure_future(caller()) for _ in range(4)]
    for _ in range(3):
        before = pid_of(world, "s")
        assert list((await world.control.reload(namespace="s", force=True)).changed) == ["s"]
        assert pid_of(world, "s") != before
        await until(lambda before=before: not is_running(before))
    done.set()
    assert sum(await asyncio.gather(*callers)) > 10


LETS_GO = """
METHODS["/prism.plugin.v1.BackendPlugin/Shutdown"] = lambda _: pb.ShutdownResponse(success=True).SerializeToString()
"""


@pytest.mark.parametrize("reload", ["overlap", "handover"])
async def test_a_new_version_takes_over_and_a_bad_one_does_not(world: World, tmp_path: Path, reload: str) -> None:
    """A changed file is a new version; one that fails to start, or is unhealthy, leaves the old one serving, as it is:
    also where it had to let its store go for the new one, it comes back from its own process, not from the new files.
    """
    folder = folder_of(tmp_path, LETS_GO, reload)
    world.write({"name": "o", "backend": "odd"}, plugins={"folders": [str(folder)]})
    await world.control.start()
    await world.put("o", b"")
    first = pid_of(world, "o")
    bad = [
        ("sys.exit('broken')", "it printed: broken"),
        (
            "METHODS['/prism.plugin.v1.BackendPlugin/Initialize'] = lambda _: pb.InitializeResponse("
            "success=False, error='no table').SerializeToString()",
            "no table",
        ),
        (
            "METHODS['/prism.plugin.v1.BackendPlugin/HealthCheck'] = lambda _: pb.HealthCheckResponse("
            "status=2, message='sick').SerializeToString()",
            "sick",
        ),
    ]
    for body, said in bad:
        folder_of(tmp_path, body, reload)
        report = await world.control.reload()
        assert said in report.held["o"]
        await world.put("o", b"")
        assert pid_of(world, "o") == first
    folder_of(tmp_path, "VERSION = 2", reload)
    await world.control.reload()  # or it was tried again by itself just before
    await until(lambda: not is_running(first))
    await until(lambda: not world.control.served["o"].instances[0].refusal("o"))
    await world.put("o", b"")


@pytest.mark.parametrize("shutdown", ["", "METHODS['/prism.plugin.v1.BackendPlugin/Shutdown'] = lambda _: b''"])
async def test_a_plugin_that_does_not_let_go_is_ended_before_its_store_is_handed_over(
    world: World, tmp_path: Path, shutdown: str
) -> None:
    """Who does not know Shutdown, or does not say that it succeeded, may hold the store as long as it runs."""
    folder = folder_of(tmp_path, shutdown, "handover")
    world.write({"name": "o", "backend": "odd"}, plugins={"folders": [str(folder)]})
    await world.control.start()
    first = pid_of(world, "o")
    body = (
        "METHODS['/prism.plugin.v1.BackendPlugin/Initialize'] = lambda _: pb.InitializeResponse("
        f"success=not os.path.exists('/proc/{first}'), error='the old one runs').SerializeToString()"
    )
    folder_of(tmp_path, body, "handover")
    report = await world.control.reload()
    assert (list(report.changed), dict(report.held)) == (["o"], {})
    await world.put("o", b"")


async def test_a_plugin_that_hangs_in_its_shutdown_holds_nothing_up(world: World, tmp_path: Path) -> None:
    """The new one serves, the old one is killed in the end."""
    body = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nasync def hang(call):\n"
    body += "    await asyncio.Event().wait()\nMETHODS['/prism.plugin.v1.BackendPlugin/Shutdown'] = None\n"
    body += "plain = answering\ndef answering(answer):\n    return hang if answer is None else plain(answer)\n"
    folder = folder_of(tmp_path, body)
    world.write({"name": "o", "backend": "odd"}, plugins={"folders": [str(folder)]})
    await world.control.start()
    first = pid_of(world, "o")
    world.write({"name": "o", "backend": "odd", "config": {"label": "x"}}, plugins={"folders": [str(folder)]})
    await world.control.reload()
    await world.put("o", b"")
    assert pid_of(world, "o") != first
    await until(lambda: not is_running(first))


async def test_a_changed_file_in_its_folder_is_noticed(tmp_path: Path) -> None:
    """The new version takes over by itself."""
    folder = folder_of(tmp_path, "VERSION = 1")
    (tmp_path / "config").mkdir()
    world = World(tmp_path / "config", timing=PATIENT, supervision=OFTEN, watched=True)
    world.write({"name": "o", "backend": "odd"}, plugins={"folders": [str(folder)]})
    await world.control.start()
    first = pid_of(world, "o")
    folder_of(tmp_path, "VERSION = 2")
    await until(lambda: not is_running(first))
    await world.put("o", b"")
    await world.control.stop()
