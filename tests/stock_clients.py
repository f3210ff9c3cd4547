"""Fixtures of clients that others wrote; one that cannot be had is a named skip."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from missing import missing
from shared_cache import alone_in

GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"


@pytest.fixture(scope="session")
def grpcurl() -> Path:
    """The grpcurl of this machine, else one built for the tests."""
    if found := shutil.which("grpcurl"):
        return Path(found)
    go = shutil.which("go")
    if go is None:
        missing("Go is not installed, which builds grpcurl")
    with alone_in(GRPCURL.rpartition("/")[2]) as folder:
        if not (folder / "grpcurl").exists():
            environment = os.environ | {"GOBIN": str(folder)}
            built = subprocess.run([go, "install", GRPCURL], env=environment, capture_output=True, text=True)
            if built.returncode != 0:
                missing(f"Go cannot build grpcurl here: {built.stderr[-300:]}")
    return folder / "grpcurl"
