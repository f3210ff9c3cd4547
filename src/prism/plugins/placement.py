"""Where an instance of a plugin runs, as a value: what the configuration chose, checked and complete.

Two instances with equal placements, options and credentials are one. So what makes a new version of a plugin, such as
a changed file, is part of the value.
"""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

CODE = frozenset(
    [
        ".so",
        ".dll",
        ".dylib",
        ".wasm",
        ".jar",
        ".class",
        ".py",
        ".js",
        ".mjs",
        ".cjs",
        ".rb",
        ".pl",
        ".lua",
        ".php",
        ".sh",
    ]
)
"""How files of code end that are not executed by themselves; `libstore.so.2` is one too."""

MAX_SOCKET_PATH = 107
"""Bytes: what the kernel's address of a unix socket holds, but for the zero at its end (unix(7))."""


@dataclass(frozen=True, slots=True)
class Here:
    """`in_process`: in the gateway's own process."""

    type: str = field(default="in_process", init=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a plugin's process may use; None is as much as the gateway may.

    Attributes:
        memory: bytes.
        cpu_time: seconds of CPU, over the whole life of the process.
        open_files: descriptors.
    """

    memory: int | None = None
    cpu_time: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class User:
    """Who a plugin's process runs as, in place of the gateway's own user.

    Attributes:
        uid: the user id.
        gid: the user's own group.
        groups: all the user's groups, as a login would have them.
        name: of the user; empty where it has none.
        home: the user's home folder.
    """

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    name: str = ""
    home: str = "/"

    def environment(self) -> dict[str, str]:
        """The variables that name the user."""
        return {"HOME": self.home, "USER": self.name or str(self.uid), "LOGNAME": self.name or str(self.uid)}


@dataclass(frozen=True, slots=True)
class Command:
    """`sidecar`, started by the gateway.

    Attributes:
        command: the program and its arguments.
        limits: of its process.
        user: who it runs as; None for the gateway's own user.
        files: what is run, which only its owner may be able to change; its interpreter adds to them, so they make no
            other placement.
        version: changes when one of the plugin's files does.
    """

    command: tuple[str, ...]
    limits: Limits = Limits()
    user: User | None = None
    files: tuple[Path, ...] = field(default=(), compare=False, repr=False)
    version: str = ""
    type: str = field(default="sidecar", init=False)


@dataclass(frozen=True, slots=True)
class Socket:
    """`sidecar` that runs already and serves a unix socket."""

    path: Path
    type: str = field(default="sidecar", init=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """How a remote plugin is known, and how the gateway proves itself to it.

    Attributes:
        ca: who signed the plugin's certificate; None for those that the system trusts.
        cert: the gateway's own certificate; None for none.
        key: its key.
        server_name: the name in the plugin's certificate; empty for the host of the endpoint.
        version: changes when one of the files does.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """`remote`.

    Attributes:
        addresses: `host:port` of each.
        tls: None for plaintext, which stays on this machine.
    """

    addresses: tuple[str, ...]
    tls: Tls | None = None
    type: str = field(default="remote", init=False)


Placement = Here | Command | Socket | Endpoints


def same_process(one: Placement, other: Placement) -> bool:
    """Whether instances with these placements are in one process; how the gateway proves itself to it is no matter."""
    if isinstance(one, Endpoints) and isinstance(other, Endpoints):
        return one.addresses == other.addresses
    return one == other and not isinstance(one, Command)


def without_version(placement: Placement) -> Placement:
    """The placement as the configuration has it, whatever is in the files that it names."""
    if isinstance(placement, Command):
        return replace(placement, version="")
    if isinstance(placement, Endpoints) and placement.tls is not None:
        return replace(placement, tls=replace(placement.tls, version=""))
    return placement


def version_of(*files: Path) -> str:
    """What changes when one of the files is replaced or written to."""
    return ";".join(map(_signature, files))


def program_files(folder: Path) -> list[Path]:
    """What in a plugin's folder makes another version of it when it changes: its manifest, what can be executed, and
    code that something else executes; not what a plugin, or its operator, may write there besides.
    """
    try:
        return sorted(each for each in folder.iterdir() if _is_program(each))
    except OSError:
        return []


def _is_program(file: Path) -> bool:
    if file.name.startswith(".") or not file.is_file():
        return False
    return file.name == "plugin.toml" or os.access(file, os.X_OK) or not CODE.isdisjoint(file.suffixes)


def _signature(file: Path) -> str:
    try:
        status = file.stat()
    except OSError:
        return str(file)
    return f"{file}:{status.st_ino}:{status.st_mtime_ns}:{status.st_size}"
