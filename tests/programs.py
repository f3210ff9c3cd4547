"""Programs that tests have from elsewhere: built or downloaded once, into the cache folder of the project.

`python tests/programs.py` makes them all, as `make test` does before the tests; a test by itself makes what it needs.
One that cannot be had is a skip that names what the machine lacks.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from examples import gomap as example
from missing import missing
from prism.acceptance import StoreMissing
from shared_cache import alone_in
from wire.interop.gobuild import build

TESTS: Final = Path(__file__).parent
_GRPCURL: Final = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"
_BUF: Final = "@bufbuild/buf@1"
_NODE_GRPC: Final = ("@grpc/grpc-js@1", "@grpc/proto-loader@0.8", "grpc-web@2", "xhr2@0.2")
_OIDC_SERVER: Final = "oauth2-mock-server@7"


def grpcurl() -> Path:
    """The grpcurl of this machine, else one built for the tests."""
    if found := shutil.which("grpcurl"):
        return Path(found)
    go = shutil.which("go")
    if go is None:
        missing("Go is not installed, which builds grpcurl")
    with alone_in(_GRPCURL.rpartition("/")[2]) as folder:
        if not (folder / "grpcurl").exists():
            environment = os.environ | {"GOBIN": str(folder)}
            built = subprocess.run([go, "install", _GRPCURL], env=environment, capture_output=True, text=True)
            if built.returncode != 0:
                missing(f"Go cannot build grpcurl here: {built.stderr[-300:]}")
    return folder / "grpcurl"


def h2spec() -> Path:
    """The ruler that others measure their HTTP/2 by."""
    return build("h2spec", "github.com/summerwind/h2spec/cmd/h2spec")


def connectconformance() -> Path:
    """The suite of the Connect project, for servers and clients of gRPC, Connect and gRPC-Web."""
    return build("conformance", "connectrpc.com/conformance/cmd/connectconformance")


def go_peer() -> Path:
    """The program that is grpc-go's client and server."""
    return build("grpc", ".")


def go_host() -> Path:
    """A host in Go on the stock go-plugin library."""
    return build("go_host", ".", TESTS / "host")


def gomap() -> Path:
    """The folder of the example plugin in Go."""
    try:
        return example.build()
    except StoreMissing as absent:
        missing(str(absent))


def buf() -> Path:
    """The buf command: on PATH, else from npm."""
    found = shutil.which("buf")
    return Path(found) if found else _from_npm("buf", _BUF) / ".bin" / "buf"


def oidc_modules() -> Path:
    """The folder that has the package of the OpenID Connect server."""
    if shutil.which("node") is None:
        missing(f"npm is of no use without Node.js, which is not installed: {_OIDC_SERVER}")
    return _from_npm("oidc", _OIDC_SERVER)


def node_grpc() -> Path:
    """The folder that has gRPC for Node.js, and gRPC-Web with the browser's XMLHttpRequest."""
    if shutil.which("node") is None:
        missing(f"npm is of no use without Node.js, which is not installed: {_NODE_GRPC[0]}")
    return _from_npm("grpc-and-web", *_NODE_GRPC)


def _from_npm(name: str, *packages: str) -> Path:
    """The folder of the modules of packages and what they need."""
    npm = shutil.which("npm")
    package = " ".join(packages)
    if npm is None:
        missing(f"npm is not installed, which brings {package}")
    with alone_in(name) as folder:
        complete = folder / ".complete"
        if not complete.exists():
            command = [npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), *packages]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                missing(f"npm cannot install {package}: {done.stderr.strip()[-200:]}")
            complete.touch()
    return folder / "node_modules"


ALL: Final = (buf, oidc_modules, node_grpc, gomap, go_peer, go_host, h2spec, connectconformance, grpcurl)

buf_fixture = pytest.fixture(scope="session", name="buf")(buf)
oidc_modules_fixture = pytest.fixture(scope="session", name="oidc_modules")(oidc_modules)
node_grpc_fixture = pytest.fixture(scope="session", name="node_grpc")(node_grpc)
gomap_fixture = pytest.fixture(scope="session", name="gomap_folder")(gomap)
go_peer_fixture = pytest.fixture(scope="session", name="go_peer")(go_peer)
go_host_fixture = pytest.fixture(scope="session", name="go_host")(go_host)
connectconformance_fixture = pytest.fixture(scope="session", name="connectconformance")(connectconformance)
h2spec_fixture = pytest.fixture(scope="session", name="h2spec")(h2spec)
grpcurl_fixture = pytest.fixture(scope="session", name="grpcurl")(grpcurl)


def main() -> None:
    """Makes all; says what takes its time, and what cannot be had."""
    for make in ALL:
        began = time.monotonic()
        try:
            make()
        except pytest.skip.Exception as absent:
            print(f"setup: skipping {make.__name__}: {absent}", file=sys.stderr)
        took = time.monotonic() - began
        if took > 1:
            print(f"setup: made {make.__name__} for the tests ({took:.0f} s)", file=sys.stderr)


if __name__ == "__main__":
    main()
