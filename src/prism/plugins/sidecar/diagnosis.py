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
from prism.plugins.placement import User

_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
"""What an ELF program is built for, by its number (elf(5), e_machine)."""

_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
_FIRST_LINES, _LAST_LINES = 2, 3
"""What is shown of much output: a Go program says first what is wrong, a Python program last."""


def of_program(program: Path, user: User | None) -> str:
    """Why a program cannot be executed: what was found, joined into one text; empty if nothing was."""
    return "; ".join(_findings(program, user or User(os.geteuid(), os.getegid(), tuple(os.getgroups()))))


def _findings(program: Path, user: User) -> Iterator[str]:
    if (folder := _barred(program, user)) is not None:
        yield _advice(folder, program, user)
    try:
        status = program.stat()
    except OSError as error:
        yield f"{program}: {error.strerror}"
        return
    if not stat.S_ISREG(status.st_mode):
        yield f"{program} is not a regular file"
        return
    owner = f"its owner is {_name(status.st_uid)} and it would run as {_name(user.uid)}"
    if not status.st_mode & 0o111:
        yield f"its mode is {stat.filemode(status.st_mode)}, {owner}: make it executable: chmod +x {program}"
    elif not _may_execute(status, user):
        yield f"its mode is {stat.filemode(status.st_mode)}, {owner}: allow that user to execute it"
    try:
        with program.open("rb") as stream:
            start = stream.read(256)
    except OSError as error:
        yield f"it cannot be read: {error.strerror}"
        return
    if start.startswith(b"#!"):
        for interpreter in (Path(os.fsdecode(each)) for each in start[2:].split(b"\n")[0].split()[:1]):
            if not interpreter.exists():
                yield f"its first line names the interpreter {interpreter}, which does not exist"
            elif (folder := _barred(interpreter, user)) is not None:
                yield _advice(folder, interpreter, user)
    elif start.startswith(b"\x7fELF") and len(start) > 20:
        number = int.from_bytes(start[18:20], "little" if start[5] == 1 else "big")
        built_for = _MACHINES.get(number, f"machine {number}")
        if built_for != platform.machine():
            yield f"it is built for {built_for}, this machine is {platform.machine()}"
    else:
        yield "it is neither an ELF program nor a script whose first line names its interpreter (#!)"


def _barred(program: Path, user: User) -> Path | None:
    """The first folder on the way to a program that the user may not enter; the way leads on through links."""
    for folder in (parent for way in (program.absolute(), program.resolve()) for parent in reversed(way.parents)):
        try:
            status = folder.stat()
        except OSError:
            return None  # what is not there is said of the program
        if not _may_execute(status, user):
            return folder
    return None


def _may_execute(status: os.stat_result, user: User) -> bool:
    """Whether a user may run a program, or enter a folder (path_resolution(7)); root may where anyone may."""
    if user.uid == 0:
        return stat.S_ISDIR(status.st_mode) or bool(status.st_mode & 0o111)
    if user.uid == status.st_uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in (user.gid, *user.groups):
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _advice(folder: Path, program: Path, user: User) -> str:
    status = folder.stat()
    found = f"its mode is {stat.filemode(status.st_mode)}, its owner is {_name(status.st_uid)}"
    return (
        f"{_name(user.uid)} may not enter the folder {folder} ({found}): allow it, or install {program} outside of it"
    )


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
