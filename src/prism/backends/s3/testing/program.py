"""Where the programs of S3 servers are: built from their Go modules by `dev/setup`, which puts them beside Python."""

import os
import shutil
import sys
from pathlib import Path

from prism.acceptance.store.backend import StoreMissing


class ServerMissing(StoreMissing):
    """No S3 server can be had on this machine; the message is the reason to skip a test by."""


def program(name: str) -> Path:
    """A server's program: what PRISM_TEST_NAME_BINARY names, beside this Python, or on PATH.

    Raises:
        ServerMissing: there is none.
    """
    named = os.environ.get(f"PRISM_TEST_{name.upper()}_BINARY")
    beside = Path(sys.executable).parent / name
    found = named or (str(beside) if beside.exists() else shutil.which(name))
    if not found or not Path(found).exists():
        goal = "acceptance" if name == "minio" else "test"
        raise ServerMissing(
            f"{name} is not installed: `dev/setup {goal}` builds it where Go and its modules can be had"
        )
    return Path(found)
