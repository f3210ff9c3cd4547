"""Parallel workers share the work by what it stands on: no server is started twice."""

import subprocess
import sys
from pathlib import Path

HARNESS = """from prism.acceptance import PluginAcceptanceHarness

memory = PluginAcceptanceHarness("memory", suites=("errors",), ways=("binding",))
"""


def test_one_worker_has_all_of_a_group(tmp_path: Path) -> None:
    """pytest-xdist's `loadgroup` sees the groups that the kit makes."""
    (tmp_path / "test_memory.py").write_text(HARNESS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-k",
        "errors.keyvalue.deadlines",
        str(tmp_path),
    ]
    command += ["-p", "prism.acceptance.pytest_plugin", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    command += ["--disable-plugin-autoload", "-p", "pytest_asyncio.plugin", "-p", "xdist"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [line for line in done.stdout.splitlines() if line.startswith("[gw") and "PASSED" in line]
    assert len(ran) == 2
    assert all(line.rstrip().endswith("@memory-binding") for line in ran), done.stdout
