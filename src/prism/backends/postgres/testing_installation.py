"""Where PostgreSQL's programs are, and the account that may run them."""

import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from prism.acceptance.store.backend import StoreMissing

ATTACH_VARIABLE: Final = "PRISM_TEST_POSTGRES_URL"
VERSION_VARIABLE: Final = "POSTGRES_VERSION"
ACCOUNT: Final = "postgres"
_DEBIAN = Path("/usr/lib/postgresql")
_MEMORY = Path("/dev/shm")  # noqa: S108  # nothing but folders of mkdtemp's is made there
_ROOM = 2 << 30


class ServerMissing(StoreMissing):
    """No PostgreSQL server can be had on this machine; the message is the reason to skip a test by."""


def binaries() -> Path:
    """The folder of PostgreSQL's programs: POSTGRES_VERSION's or the newest of Debian's, else that on PATH
    where it is of that version.

    Raises:
        ServerMissing: there is none.
    """
    version = os.environ.get(VERSION_VARIABLE, "*")
    found = sorted(_DEBIAN.glob(f"{version}/bin/initdb"), key=lambda each: float(each.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path and version in {"*", _major(on_path)}:
        return Path(on_path).resolve().parent
    wanted = "PostgreSQL" if version == "*" else f"PostgreSQL {version}"
    raise ServerMissing(f"{wanted} is not installed: install Debian's postgresql, or set {ATTACH_VARIABLE}")


def _major(program: str) -> str:
    """The version that a program says it is of: `15` where it says `initdb (PostgreSQL) 15.18 (Debian ...)`."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    return found[1] if found else ""


def memory() -> Path | None:
    """A folder in memory, where this machine has room there: what is written outlives the servers that are killed, for
    no test kills the machine, and their syncs do not wait for a disk that all tests share."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM:
        return None
    return _MEMORY


def account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; another account runs it as itself."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise ServerMissing(f"PostgreSQL refuses to run as root, and this machine has no account {ACCOUNT!r}") from None
