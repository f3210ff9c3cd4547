"""The placement sidecar, with real processes: their start, their life, their end, and what they do wrong."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.sidecars import (
    CONTEXT,
    GET,
    MEMORY,
    PUT,
    SERVING,
    descriptors,
    get,
    is_running,
    is_there,
    make_sidecar,
    mode,
    put,
    says,
    script,
    socket_folder_of,
    told_at_start,
    user_of,
)
from prism.errors import BackendError, FailedPrecondition, InternalError, LimitExceeded, Outcome, PrismError
from prism.plugins import outside, sidecar_process
from prism.plugins import sidecar as module
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Command, Limits
from prism.sdk import HealthStatus
from prism.wire import Deadline

Make = Callable[..., module.Sidecar]


@pytest.fixture
async def sidecar() -> AsyncIterator[Make]:
    """Makes instances, and stops them."""
    made: list[module.Sidecar] = []

    def make(*arguments: Any) -> module.Sidecar:
        made.append(make_sidecar(*arguments))
        return made[-1]

    yield make
    for each in made:
        await each.stop()


def pid_of(instance: module.Sidecar) -> int:
    pid = instance.status()["pid"]
    assert isinstance(pid, int)
    return pid


async def test_its_life(sidecar: Make) -> None:
    """Started, attached, asked, probed and stopped; nothing of it is left, no descriptor and no folder."""
    before = descriptors()
    instance = sidecar()
    await instance.load()
    pid = pid_of(instance)
    folder = socket_folder_of(instance)
    assert {mode(folder), *map(mode, folder.iterdir())} == {0o600, 0o700}
    await instance.start()
    await instance.attach("ns")
    await put(instance, b"v")
    assert await get(instance) == b"v"
    assert (instance.identity, await instance.holds_data("ns"), await instance.holds_data("other")) == (
        "memory:s", True, False,
    )  # fmt: skip
    assert (await instance.health()).status is HealthStatus.HEALTHY
    assert instance.metrics()
    await instance.stop()
    await instance.stop()
    assert not is_running(pid)
    assert (descriptors(), is_there(folder)) == (before, False)
    assert any("serves memory:s" in line for line in instance.logs())


async def test_what_it_is_told_is_told_over_its_channel(sidecar: Make) -> None:
    """No credential is on its command line or in its environment, nor is any of the gateway's own secrets."""
    os.environ["PRISM_SECRET_TEST"] = "hunter2"
    instance = sidecar(script(SERVING + "asyncio.run(main())"), MEMORY, "swordfish")
    try:
        await instance.start()
        seen = told_at_start(pid_of(instance))
    finally:
        del os.environ["PRISM_SECRET_TEST"]
        await instance.stop()
    assert b"PRISM_PLUGIN_MAGIC_COOKIE" in seen
    assert b"swordfish" not in seen
    assert b"hunter2" not in seen


async def test_errors_arrive_whole(sidecar: Make) -> None:
    """Class, reason, field and outcome, as in the gateway's process."""
    instance = sidecar()
    await instance.start()
    await instance.attach("ns")
    with pytest.raises(PrismError) as caught:
        await instance.call(PUT, b"", CONTEXT)
    assert caught.value.violations
    assert caught.value.outcome is Outcome.NOT_APPLIED
    with pytest.raises(PrismError, match="request is not a"):
        await instance.call(GET, b"\xff", CONTEXT)
    await instance.stop()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('Hello world', flush=True); input()", "it printed 'Hello world' where a handshake"),
        ("print('1|9|unix|/x|grpc', flush=True)", "version 9 of the plugin protocol and the gateway version 1"),
        ("print('2|1|unix|/x|grpc', flush=True)", "its handshake is of version 2"),
        ("print('1|1|tcp|127.0.0.1:1|grpc', flush=True)", "it must listen on a unix socket"),
        ("print('1|1|unix|/tmp/elsewhere.sock|grpc', flush=True)", "it must make its socket in the folder"),
        ("import sys; sys.exit('no such table')", "ended with exit code 1 before its handshake; it "
         "printed: no such table"),
        ("pass", "ended with exit code 0 before its handshake; it printed nothing"),
        ("import os; os.kill(os.getpid(), 11)", "was ended by SIGSEGV before its handshake"),
        ("import no_such_module_at_all", "it lacks the Python module no_such_module_at_all"),
        ("import os; d = os.environ['PLUGIN_UNIX_SOCKET_DIR']; print(f'1|1|unix|{d}/none.sock|grpc', flush=True)",
         "no socket is there"),
        (SERVING + "METHODS['/grpc.health.v1.Health/Check'] = lambda _: HealthCheckResponse(status=2)"
         ".SerializeToString()\nasyncio.run(main())", "says that it is NOT_SERVING"),
    ],
)  # fmt: skip
async def test_a_plugin_that_does_not_start_is_explained(sidecar: Make, source: str, said: str) -> None:
    """With what it printed instead, and what to look at; nothing of it is left."""
    before = descriptors()
    instance = sidecar(script(source))
    with pytest.raises(FailedPrecondition) as caught:
        await instance.start()
    assert said in caught.value.message
    await instance.stop()
    assert descriptors() == before


async def test_a_plugin_that_says_nothing_is_given_up(sidecar: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, with what it said on standard error."""
    monkeypatch.setattr(sidecar_process, "HANDSHAKE_PATIENCE", 0.5)
    instance = sidecar(script("import sys, time; print('thinking', file=sys.stderr, flush=True); time.sleep(60)"))
    with pytest.raises(FailedPrecondition, match=r"no handshake within 0.5 s; it printed: thinking"):
        await instance.start()
    await instance.stop()


@pytest.mark.parametrize(
    ("content", "permissions", "said"),
    [
        (b"#!/bin/sh\n", 0o644, "make it executable, chmod"),
        (b"#!/no/such/python\n", 0o755, "names the interpreter /no/such/python, which is not there"),
        (b"hello", 0o755, "neither an ELF program nor a script"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\x28\x00" + bytes(40), 0o755, "it is built for arm"),
        (b"#!/bin/sh\n", 0o777, "everybody on this machine may write to the plugin's file"),
    ],
)
async def test_a_program_that_cannot_be_run_is_looked_at(
    sidecar: Make, tmp_path: Path, content: bytes, permissions: int, said: str
) -> None:
    """Its mode, its interpreter, its architecture, and who may change it."""
    program = tmp_path / "plugin"
    program.write_bytes(content)
    program.chmod(permissions)
    instance = sidecar(Command((str(program),), files=(program,)))
    with pytest.raises(FailedPrecondition) as caught:
        await instance.start()
    assert said in caught.value.message
    await instance.stop()


async def test_a_missing_driver_names_the_extra(sidecar: Make) -> None:
    """As the gateway does for a plugin in its own process."""
    plugin = Plugin(MEMORY.manifest.model_copy(update={"extra": "toys", "drivers": ("toydriver",)}), "x")
    instance = sidecar(script("import toydriver"), plugin)
    with pytest.raises(FailedPrecondition, match=r"pip install 'prism-gateway\[toys\]'"):
        await instance.start()
    await instance.stop()


async def test_a_death_is_noticed_at_once(sidecar: Make) -> None:
    """Calls under way fail with what is known of them, later ones are refused, and it may be started again."""
    instance = sidecar(script(HANGING))
    await instance.start()
    instance.refusal = ""
    call = asyncio.ensure_future(instance.call(PUT, b"", CONTEXT))
    await says(instance, "asked")
    os.kill(pid_of(instance), signal.SIGKILL)
    with pytest.raises(BackendError) as caught:
        await call
    assert (caught.value.reason, caught.value.outcome) == ("PLUGIN_LOST", None)
    assert caught.value.retry_after
    await instance.lost.wait()
    assert "was ended by SIGKILL" in instance.refusal
    with pytest.raises(BackendError) as refused:
        await instance.call(PUT, b"", CONTEXT)
    assert refused.value.outcome is Outcome.NOT_APPLIED
    await instance.start()
    assert not instance.lost.is_set()
    await instance.stop()


HANGING = (
    SERVING
    + """
async def hang(call):
    print("asked", file=sys.stderr, flush=True)
    await asyncio.Event().wait()

METHODS["/prism.plugin.v1.BackendPlugin/Execute"] = None
plain = answering
def answering(answer):
    return hang if answer is None else plain(answer)
asyncio.run(main())
"""
)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("b'\\xff\\xff\\xff'", "3 bytes that are no ExecuteResponse"),
        ("pb.ExecuteResponse(success=True).SerializeToString()", "success without a result"),
    ],
)
async def test_garbage_is_told_as_the_plugins_defect(sidecar: Make, answer: str, said: str) -> None:
    """And harms nothing: the next call is answered."""
    source = f"METHODS['/prism.plugin.v1.BackendPlugin/Execute'] = lambda _: {answer}\nasyncio.run(main())"
    instance = sidecar(script(SERVING + source))
    await instance.start()
    for _ in range(2):
        with pytest.raises(InternalError, match=said):
            await instance.call(PUT, b"", CONTEXT)
    await instance.stop()


async def test_errors_of_other_authors_are_translated(sidecar: Make) -> None:
    """A bare code in the response, and gRPC's own status."""
    source = """
async def refuse(call):
    raise StatusError(Status(Code.UNAUTHENTICATED, "the store knows no such user"))

METHODS["/prism.plugin.v1.BackendPlugin/Execute"] = lambda message: pb.ExecuteResponse(
    success=False, error="the disk is full", error_code=8).SerializeToString()
METHODS["/prism.plugin.v1.BackendPlugin/HealthCheck"] = None
plain = answering
def answering(answer):
    return refuse if answer is None else plain(answer)
asyncio.run(main())
"""
    instance = sidecar(script(SERVING + source))
    await instance.start()
    with pytest.raises(LimitExceeded, match="the disk is full"):
        await instance.call(PUT, b"", CONTEXT)
    with pytest.raises(BackendError, match="no such user") as caught:
        await instance.health()
    assert caught.value.reason == "BACKEND_CREDENTIALS"
    await instance.stop()


async def test_a_stuck_process_is_told_from_a_slow_store_and_killed(
    sidecar: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing at all; what answers its health is not stuck."""
    monkeypatch.setattr(outside, "ALIVE_PATIENCE", 0.3)
    instance = sidecar()
    await instance.start()
    assert not await instance.is_stuck()
    os.kill(pid_of(instance), signal.SIGSTOP)
    assert await instance.is_stuck()
    instance.give_up("it is stuck")
    await instance.lost.wait()
    await instance.stop()


async def test_one_that_will_not_end_is_ended(sidecar: Make) -> None:
    """It answers no Shutdown and ignores SIGTERM; its own children end with it."""
    source = "import signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    source += "child = subprocess.Popen(['sleep', '300']); print('child', child.pid, file=sys.stderr, flush=True)\n"
    instance = sidecar(script(SERVING + source + "asyncio.run(main())"))
    await instance.start()
    child = int((await says(instance, "child")).split()[-1])
    pid = pid_of(instance)
    await instance.stop()
    assert not is_running(pid)
    while is_running(child):  # noqa: ASYNC110  # another's child tells nobody of its end
        await asyncio.sleep(0.005)


async def test_its_limits_are_in_force(sidecar: Make) -> None:
    """As it sees them itself, and as its status tells; a spinning one is ended by its own."""
    limits = Limits(memory=512 << 20, cpu_time=1, open_files=64)
    source = "import resource as r; print([r.getrlimit(x)[0] for x in (r.RLIMIT_DATA, r.RLIMIT_CPU, r.RLIMIT_NOFILE)],"
    source += " file=__import__('sys').stderr, flush=True)\nwhile True: pass"
    instance = sidecar(script(source, limits=limits))
    with pytest.raises(FailedPrecondition) as caught:
        await instance.start()
    assert f"[{512 << 20}, 1, 64]" in caught.value.message
    assert "SIGXCPU (its limit cpu_time)" in caught.value.message or "SIGKILL" in caught.value.message
    await instance.stop()
    instance = sidecar(Command(MEMORY.command(), Limits(memory=1 << 30)))
    await instance.start()
    shown = instance.status()["limits"]
    assert isinstance(shown, dict)
    assert shown["memory"].startswith(f"{1 << 30} bytes by ")
    await instance.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start programs as another user")
async def test_it_may_run_as_a_user_of_its_own(sidecar: Make) -> None:
    """Who serves the socket is checked against it."""
    nobody = 65534
    instance = sidecar(Command((sys.executable, "-c", SERVING + "asyncio.run(main())"), user=nobody))
    try:
        await instance.start()
    except FailedPrecondition as error:
        if "Permission" in error.message or "No module" in error.message:
            pytest.skip("that user may not read this environment")
        raise
    assert user_of(pid_of(instance)) == nobody
    await instance.stop()


async def test_a_flood_of_output_is_bounded(sidecar: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The last lines are kept, the log takes some and says how many it did not, calls go on."""
    source = "import threading\ndef flood():\n    while True: print('x' * 80, file=sys.stderr)\n"
    source += "METHODS['/prism.plugin.v1.BackendPlugin/Execute'] = lambda _: b'\\x08\\x01\\x2a\\x00'\n"
    source += "threading.Thread(target=flood, daemon=True).start()\nasyncio.run(main())"
    caplog.set_level("INFO")
    instance = sidecar(script(SERVING + source))
    await instance.start()
    while not instance.status()["log_lines_dropped"]:
        assert await instance.call(PUT, b"", CONTEXT) == b""
    await instance.stop()
    assert len(instance.logs()) == 500
    assert "lines a second" in caplog.text
    assert sum(record.name == "prism.plugin.memory" for record in caplog.records) < 1000


async def test_an_instance_that_was_forgotten_is_told_again(sidecar: Make) -> None:
    """With its namespaces; the call that found it out is answered."""
    instance = sidecar()
    await instance.start()
    await instance.attach("ns")
    await instance._run.endpoint.shut_down(whole=False, grace=1, deadline=Deadline.after(5))  # type: ignore[union-attr]
    await put(instance, b"v")
    assert await get(instance) == b"v"
