"""Why a plugin's program did not start, as far as the gateway can find out: for the message that the operator gets.

The idea is go-plugin's (internal/cmdrunner/notes_unix.go).
"""

import os
import platform
import pwd
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from prism.plugins.discovery import Plugin

_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
"""What an ELF program is built for, by its number (elf(5), e_machine)."""

_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
_FIRST_LINES, _LAST_LINES = 2, 3
"""What is shown of much output: a Go program says first what is wrong, a Python program last."""


def of_program(program: Path, user: int | None) -> str:
    """Why a program cannot be executed: what was found, joined into one text; empty if nothing was."""
    return "; ".join(_findings(program, os.geteuid() if user is None else user))


def _findings(program: Path, user: int) -> Iterator[str]:
    try:
        status = program.stat()
    except OSError as error:
        yield f"{program}: {error.strerror}"
        return
    if not stat.S_ISREG(status.st_mode):
        yield f"{program} is not a regular file"
        return
    owner = f"its owner is {_name(status.st_uid)} and it would run as {_name(user)}"
    if not status.st_mode & 0o111:
        yield f"its mode is {stat.filemode(status.st_mode)}, {owner}: make it executable: chmod +x {program}"
    elif not status.st_mode & stat.S_IXOTH and user not in (0, status.st_uid):
        yield f"its mode is {stat.filemode(status.st_mode)}, {owner}: allow that user to execute it"
    try:
        with program.open("rb") as stream:
            start = stream.read(256)
    except OSError as error:
        yield f"it cannot be read: {error.strerror}"
        return
    if start.startswith(b"#!"):
        interpreter = start[2:].split(b"\n")[0].split()[:1]
        if interpreter and not Path(os.fsdecode(interpreter[0])).exists():
            yield f"its first line names the interpreter {os.fsdecode(interpreter[0])}, which does not exist"
    elif start.startswith(b"\x7fELF") and len(start) > 20:
        number = int.from_bytes(start[18:20], "little" if start[5] == 1 else "big")
        built_for = _MACHINES.get(number, f"machine {number}")
        if built_for != platform.machine():
            yield f"it is built for {built_for}, this machine is {platform.machine()}"
    else:
        yield "it is neither an ELF program nor a script whose first line names its interpreter (#!)"


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def of_output(plugin: Plugin, lines: Sequence[str]) -> str:
    """What a plugin printed before it exited, and how to fix a missing module."""
    if not lines:
        return "it printed nothing"
    said = [line.partition(" ")[2].strip() for line in lines]
    if len(said) > _FIRST_LINES + _LAST_LINES:
        said[_FIRST_LINES:-_LAST_LINES] = ["..."]
    return _explained(plugin, " / ".join(said))


def _explained(plugin: Plugin, said: str) -> str:
    missing = _MISSING_MODULE.search(said)
    if missing is None:
        return f"it printed: {said}"
    if missing[1].partition(".")[0] in plugin.manifest.drivers:
        return f"Python module {missing[1]} is missing; run: {plugin.how_to_install()}"
    return f"Python module {missing[1]} is missing; install it where the plugin runs; it printed: {said}"
