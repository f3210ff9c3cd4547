"""The programs of docs/other-languages.md, with the real tools of each language, against a real gateway."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from docs.fences import Fence, fences
from examples import gomap
from gateways import namespace, running
from shared_cache import alone_in

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "other-languages.md"


def only(kind: str, containing: str) -> Fence:
    """The page's block of that kind that says this."""
    (found,) = (each for each in fences(PAGE) if each.kind == kind and containing in each.body)
    return found


def test_node(node_grpc: Path, tmp_path: Path) -> None:
    """proto-loader reads the files as they are; the program puts and gets."""
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    with running({"namespaces": [namespace("default", "memory")]}, tmp_path) as gateway:
        program = only("javascript", "proto-loader").body.replace("localhost:8980", gateway.data)
        done = subprocess.run(
            ["node", "-e", program],
            cwd=tmp_path,
            env=os.environ | {"NODE_PATH": str(node_grpc)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stdout) == (0, "team\n"), done.stderr


def test_go(gomap_folder: Path, tmp_path: Path) -> None:
    """The command makes code, and the code builds; generators and modules are those that the example in Go pins."""
    go = shutil.which("go")
    assert go, "the example in Go has been built"
    shutil.copy(gomap.SOURCES / "go.mod", tmp_path)
    shutil.copy(gomap.SOURCES / "go.sum", tmp_path)
    module = (tmp_path / "go.mod").read_text()
    own = "github.com/prism-gateway/prism"
    (tmp_path / "go.mod").write_text(module.replace("module prism.invalid/gomap", f"module {own}"))
    (tmp_path / "proto").symlink_to(ROOT / "proto")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "protoc").write_text(f'#!/bin/sh\nexec {sys.executable} -m grpc_tools.protoc "$@"\n')
    (tools / "protoc").chmod(0o755)
    cache = ROOT / ".cache" / "go"
    environment = os.environ | {
        "GOPATH": str(cache),
        "GOCACHE": str(cache / "build"),
        "GOFLAGS": "-modcacherw -buildvcs=false -mod=mod",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
    }

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stdout + done.stderr

    with alone_in("go"):
        generators = ("google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc")
        run(go, "build", "-o", str(tools), *generators)
        command = only("bash", "protoc-gen-go").body
        run("bash", "-euc", command[command.index("protoc -I") :])
        assert (tmp_path / "gen/go/prism/data/v1/keyvalue_grpc.pb.go").exists()
        run(go, "build", "./gen/...")
