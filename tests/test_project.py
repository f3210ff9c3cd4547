"""What the project promises of itself: generated code that is current, a clean contract."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2, status_pb2

ROOT = Path(__file__).parent.parent
PROTO = ROOT / "proto"


def test_generated_code_is_current() -> None:
    """`make proto` would change nothing."""
    done = subprocess.run([sys.executable, "proto/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_contract_compiles_alone(tmp_path: Path) -> None:
    """The folder needs nothing beside it but the types that every compiler brings along."""
    sources = [each.relative_to(PROTO).as_posix() for each in PROTO.rglob("*.proto")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"--descriptor_set_out={tmp_path / 'set'}"]
    done = subprocess.run([*command, *sources], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_contract_has_google_s_own_files() -> None:
    """google/rpc in proto/ is the same as in the Python package, comments aside: nothing of ours is in it."""
    for name, known in (("status", status_pb2), ("error_details", error_details_pb2)):
        found = descriptor_pb2.FileDescriptorSet()
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", "--descriptor_set_out=/dev/stdout"]
        done = subprocess.run([*command, f"google/rpc/{name}.proto"], capture_output=True)
        assert done.returncode == 0, done.stderr
        found.ParseFromString(done.stdout)
        ours = re.sub(r' *json_name: "\w*"\n', "", str(found.file[0]))  # which protoc adds
        assert ours == str(descriptor_pb2.FileDescriptorProto.FromString(known.DESCRIPTOR.serialized_pb))


def test_contract_passes_buf_lint(buf: Path, tmp_path: Path) -> None:
    """The .proto files as they are follow buf's standard rules, but for those that buf.yaml names with their reason."""
    shutil.copytree(PROTO, tmp_path / "proto")
    for what in ("build", "lint"):
        done = subprocess.run([buf, what], cwd=tmp_path / "proto", capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_has_the_contract(tmp_path: Path) -> None:
    """What is installed has the .proto files, for clients in other languages and for /proto.zip."""
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = {name.removeprefix("prism/proto/") for name in wheel.namelist() if name.endswith(".proto")}
    assert names == {each.relative_to(PROTO).as_posix() for each in PROTO.rglob("*.proto")}
