"""What the project promises of itself: generated code that is current, a clean contract."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import google.rpc
import yaml

ROOT = Path(__file__).parent.parent
GOOGLE_APIS = Path(next(iter(google.rpc.__path__))).parent.parent


def test_generated_code_is_current() -> None:
    """`make proto` would change nothing."""
    done = subprocess.run([sys.executable, "proto/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_contract_passes_buf_lint(buf: Path, tmp_path: Path) -> None:
    """The .proto files follow buf's standard rules, but for those that proto/buf.yaml names with their reason."""
    shutil.copytree(ROOT / "proto", tmp_path / "proto")
    shutil.copytree(GOOGLE_APIS / "google" / "rpc", tmp_path / "googleapis" / "google" / "rpc")
    workspace: dict[str, Any] = {
        "version": "v2",
        "modules": [{"path": "googleapis", "lint": {"use": ["PACKAGE_DEFINED"]}}],
    }
    rules = yaml.safe_load((ROOT / "proto" / "buf.yaml").read_text())
    ours = {"path": "proto", "lint": rules["lint"] | {"ignore": [f"proto/{path}" for path in rules["lint"]["ignore"]]}}
    workspace["modules"].append(ours)
    (tmp_path / "buf.yaml").write_text(yaml.safe_dump(workspace))
    done = subprocess.run([buf, "lint"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
