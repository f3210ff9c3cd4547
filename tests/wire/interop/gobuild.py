"""Builds the Go programs that the tests measure us by, from the pinned modules in `go/`, into the cache folder."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from missing import missing
from shared_cache import CACHE, alone_in

_MODULES = Path(__file__).parent / "go"
_CACHE = CACHE / "go"
_ENVIRONMENT = {
    "GOPATH": str(_CACHE),
    "GOCACHE": str(_CACHE / "build"),
    "GOFLAGS": "",
    "GOWORK": "off",
    "CGO_ENABLED": "0",  # no C compiler is needed, and less is built
}
# What a machine without a module proxy, or with an older Go and no way to a newer one, answers. Whatever else goes
# wrong is our own fault and fails the test.
_OUT_OF_REACH = re.compile(
    r"dial tcp|no such host|connection refused|i/o timeout|TLS handshake|proxyconnect|"
    r"reading http\S+: [45]\d\d |module lookup disabled|toolchain not available|requires go >="
)


def build(module: str, package: str, modules: Path = _MODULES) -> Path:
    """The program that `package` of `module` (a folder of `modules`) makes; built when its sources have changed.

    Skips the test where Go is not installed or the modules cannot be downloaded.
    """
    go = shutil.which("go")
    if go is None:
        missing(f"Go is not installed, which builds {module}")
    folder = modules / module
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.read_bytes())
    program = _CACHE / "bin" / f"{module}-{digest.hexdigest()[:16]}"
    with alone_in("go"):  # what another builds now has most of what we need
        if not program.exists():
            _build(go, folder, package, program)
    return program


def _build(go: str, folder: Path, package: str, program: Path) -> None:
    fresh = program.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [go, "build", "-mod=readonly", "-modcacherw", "-buildvcs=false", "-o", str(fresh), package],
        cwd=folder,
        env=os.environ | _ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        if _OUT_OF_REACH.search(done.stderr):
            missing(f"Go cannot download the modules of {folder.name}: {done.stderr.strip()[-300:]}")
        pytest.fail(f"{folder.name} does not build:\n{done.stderr}")
    fresh.replace(program)
