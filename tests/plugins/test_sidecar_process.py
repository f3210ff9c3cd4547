"""A sidecar's process: why it does not start, and what it is held to."""

import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from missing import missing, needs_root
from plugins.sidecars import (
    CONTEXT,
    MEMORY,
    PUT,
    SERVING,
    Make,
    descriptors,
    pid_of,
    put,
    script,
    user_of,
)
from prism.config.placement import place
from prism.config.sections.plugin import PluginSection
from prism.errors import FailedPrecondition, Outcome, PrismError
from prism.interfaces.keyvalue import PutItem, PutRequest
from prism.plugins.discovery import Plugin
from prism.plugins.placement import Command, Limits, User
from prism.plugins.sidecar import process
from prism.plugins.sidecar.child import cpu_seconds
from prism.plugins.sidecar.exit import Exit
from prism.wire import Code


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('Hello world', flush=True); input()", "the plugin printed 'Hello world' instead of a handshake"),
        ("print('1|9|unix|/x|grpc', flush=True)", "version 9 of the plugin protocol and the gateway version 1"),
        ("print('2|1|unix|/x|grpc', flush=True)", "version 2 of go-plugin's core protocol"),
        ("print('1|1|tcp|127.0.0.1:1|grpc', flush=True)", "it must listen on a unix socket"),
        ("print('1|1|unix|/tmp/elsewhere.sock|grpc', flush=True)", "it must create it in the folder"),
        ("import sys; sys.exit('no such table')", "exited with code 1 before its handshake; it "
         "printed: no such table"),
        ("pass", "exited with code 0 before its handshake; it printed nothing"),
        ("import os; os.kill(os.getpid(), 11)", "was killed by SIGSEGV before its handshake"),
        ("import no_such_module_at_all", "Python module no_such_module_at_all is missing"),
        ("import os; d = os.environ['PLUGIN_UNIX_SOCKET_DIR']; print(f'1|1|unix|{d}/none.sock|grpc', flush=True)",
         "none.sock, which does not exist"),
        (SERVING + "METHODS['/grpc.health.v1.Health/Check'] = lambda _: HealthCheckResponse(status=2)"
         ".SerializeToString()\nasyncio.run(main())", "reports NOT_SERVING"),
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
    monkeypatch.setattr(process, "HANDSHAKE_TIMEOUT", 0.5)
    instance = sidecar(script("import sys, time; print('thinking', file=sys.stderr, flush=True); time.sleep(60)"))
    with pytest.raises(FailedPrecondition, match=r"no handshake within 0.5 s; it printed: thinking"):
        await instance.start()
    await instance.stop()


@pytest.mark.parametrize(
    ("content", "permissions", "said"),
    [
        (b"#!/bin/sh\n", 0o644, "make it executable: chmod"),
        (b"#!/no/such/python\n", 0o755, "names the interpreter /no/such/python, which does not exist"),
        (b"hello", 0o755, "neither an ELF program nor a script"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\x28\x00" + bytes(40), 0o755, "it is built for arm"),
        (b"#!/bin/sh\n", 0o777, "is world-writable"),
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


async def test_its_limits_are_in_force(sidecar: Make) -> None:
    """As it sees them itself, and as its status tells; a spinning one is ended by its own."""
    limits = Limits(memory=512 << 20, cpu_time=1, open_files=64)
    source = "import resource as r; print([r.getrlimit(x)[0] for x in (r.RLIMIT_DATA, r.RLIMIT_CPU, r.RLIMIT_NOFILE)],"
    source += " file=__import__('sys').stderr, flush=True)\nwhile True: pass"
    instance = sidecar(script(source, limits=limits))
    with pytest.raises(FailedPrecondition) as caught:
        await instance.start()
    assert f"[{512 << 20}, 1, 64]" in caught.value.message
    said = "was killed by SIGXCPU (it has used the 1 s of CPU that its limit cpu_time allows over its life)"
    assert said in caught.value.message
    await instance.stop()
    instance = sidecar(Command(MEMORY.command(), Limits(memory=1 << 30)))
    await instance.start()
    shown = instance.status()["limits"]
    assert isinstance(shown, dict)
    assert shown["memory"].startswith(f"{1 << 30} bytes by ")
    await instance.stop()


@needs_root
@pytest.mark.parametrize("how", ["program", "link", "interpreter"])
async def test_a_folder_that_its_user_may_not_enter_is_named(sidecar: Make, open_folder: Path, how: str) -> None:
    """A Python under somebody's home folder, however it is come by: not the program's own mode is at fault."""
    home = open_folder / "home"
    (home / "bin").mkdir(parents=True)
    home.chmod(0o700)
    python = home / "bin" / "python"
    shutil.copy("/bin/sh", python)
    program = open_folder / "plugin"
    match how:
        case "link":
            program.symlink_to(python)
        case "interpreter":
            program.write_text(f"#!{python}\n")
            program.chmod(0o755)
        case _:
            program = python
    with pytest.raises(PrismError) as caught:
        await sidecar(Command((str(program),), user=User(65534, 65534))).start()
    said = caught.value.message
    assert f"may not enter the folder {home} (its mode is drwx------, its owner is root)" in said
    assert f"install {python} outside of it" in said or how == "link"


async def test_a_warning_comes_before_the_limit_of_processor_time(
    sidecar: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, at a probe, with the numbers and what will be lost; status has the time all along."""
    instance = sidecar(Command(MEMORY.command(), Limits(cpu_time=3600)))
    await instance.start()
    await instance.health()
    assert not caplog.messages
    assert instance._run is not None
    used = instance.status()["cpu_seconds"]
    assert isinstance(used, float)
    instance._run._command = Command(MEMORY.command(), Limits(cpu_time=1))
    while (cpu_seconds(pid_of(instance)) or 0.0) < 0.8:
        await put(instance, b"x")
    for _ in range(2):
        await instance.health()
    [said] = [each for each in caplog.messages if "limits.cpu_time" in each]
    assert "of the 1 s of CPU that limits.cpu_time allows over its life; then it is ended" in said
    assert said.endswith("without the data in its memory")
    await instance.stop()


@pytest.mark.parametrize(
    ("end", "limits", "printed", "said"),
    [
        (Exit(-9, 2.01), Limits(cpu_time=2), "", "SIGKILL (it has used the 2 s of CPU that its limit cpu_time allows"),
        (Exit(2, 2.01), Limits(cpu_time=2), "SIGXCPU", "code 2 (it has used the 2 s of CPU that its limit cpu_time"),
        (
            Exit(-9, 0.1, killed_for_memory=True),
            Limits(memory=9),
            "",
            "SIGKILL (it exceeded its limit memory of 9",
        ),
        (
            Exit(2),
            Limits(memory=9),
            "runtime: out of memory",
            "code 2 (it got no more memory, and its limit memory",
        ),
        (Exit(-9, 0.1), Limits(memory=9, cpu_time=2), "", "SIGKILL (by the gateway, an operator, or the system"),
        (Exit(3), Limits(memory=9), "no such table", "exited with code 3"),
    ],
)
def test_the_limit_that_ended_it_is_named(end: Exit, limits: Limits, printed: str, said: str) -> None:
    """Whatever the signal or the code: a Go program throws by itself, another ignores the signal that warns."""
    words = end.in_words(limits, [printed])
    assert said in words
    assert ("(" in words) == ("(" in said)


async def test_a_call_that_gets_no_memory_names_the_limit(sidecar: Make) -> None:
    """It is not a defect, and the process may go on."""
    instance = sidecar(Command(MEMORY.command(), Limits(memory=160 << 20)))
    await instance.start()

    async def fill() -> None:
        for number in range(200):
            items = [PutItem(key=key, value=bytes(1 << 20)) for key in (b"a", b"b", b"c")]
            await instance.call(PUT, PutRequest(id=f"r{number}", items=items).SerializeToString(), CONTEXT)

    with pytest.raises(PrismError) as caught:
        await fill()
    assert caught.value.code is Code.RESOURCE_EXHAUSTED, caught.value.message
    assert f"its limit being {160 << 20} bytes (limits.memory, RLIMIT_DATA)" in caught.value.message
    assert caught.value.outcome is Outcome.UNKNOWN
    await instance.stop()


SAID = """
exec >&2
grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs):' /proc/self/status
echo "umask: $(umask)"
for each in /proc/self/fd/*; do readlink $each; done | grep secret
echo "home: $HOME $USER $LOGNAME"
cat "$0" || echo refused
"""
"""What a process has, as the system tells it, and whether it can read a file."""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may look into, as those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="prism-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@needs_root
async def test_a_user_of_its_own_has_nothing_of_the_gateway_s(sidecar: Make, open_folder: Path) -> None:
    """No group, no capability, none to be had, no descriptor, no home: all that a privilege drop may forget."""
    secret = open_folder / "secret"
    secret.write_text("the gateway's own")
    secret.chmod(0o640)  # root's group may read it
    kept = secret.open()
    os.set_inheritable(kept.fileno(), True)
    placement = place(
        PluginSection(type="sidecar", command=("/bin/sh", "-c", SAID, str(secret)), user="nobody"), MEMORY
    )
    assert isinstance(placement, Command)
    instance = sidecar(placement)
    with kept, pytest.raises(FailedPrecondition, match="exited"):
        await instance.start()
    wanted = pwd.getpwnam("nobody")
    said = dict(line.partition(" ")[2].split(":", 1) for line in instance.logs() if ":" in line.partition(" ")[2])
    assert said["Uid"].split() == [str(wanted.pw_uid)] * 4
    assert said["Gid"].split() == [str(wanted.pw_gid)] * 4
    assert set(map(int, said["Groups"].split())) == set(os.getgrouplist("nobody", wanted.pw_gid))
    assert {int(said[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert said["NoNewPrivs"].strip() == "1"
    assert int(said["umask"], 8) == 0o077
    assert said["home"].split() == [wanted.pw_dir, "nobody", "nobody"]
    text = " ".join(instance.logs())
    assert "refused" in text
    assert "own" not in text
    assert str(secret) not in text.replace(f"{secret}: Permission", "")  # no descriptor of the gateway's is open in it


@needs_root
async def test_it_may_run_as_a_user_of_its_own(sidecar: Make) -> None:
    """Who serves the socket is checked against it."""
    nobody = User(65534, 65534)
    instance = sidecar(Command((sys.executable, "-c", SERVING + "asyncio.run(main())"), user=nobody))
    try:
        await instance.start()
    except FailedPrecondition as error:
        if "Permission" in error.message or "No module" in error.message:
            missing("root has its environment where that user may not read it")
        raise
    assert user_of(pid_of(instance)) == nobody.uid
    await instance.stop()
