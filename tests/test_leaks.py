"""The guard of the suite against tests that leave something open."""

import os
import subprocess
import sys
from pathlib import Path

LEAKY = """
import asyncio

async def test_leaves_a_socket():
    async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.itself = writer

def test_leaves_a_file():
    files = [open(__file__)]
    files.append(files)

def test_leaves_nothing():
    with open(__file__):
        pass
"""


def test_a_test_that_leaves_something_open_fails_itself(tmp_path: Path) -> None:
    """It is its own teardown that fails, and says what was left; the others pass."""
    (tmp_path / "test_leaky.py").write_text(LEAKY)
    command = [sys.executable, "-m", "pytest", "-p", "leaks", "-o", "asyncio_mode=auto", "-W", "error", "test_leaky.py"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    failed = {line.split()[1].rpartition("::")[2] for line in done.stdout.splitlines() if line.startswith("ERROR test")}
    assert failed == {"test_leaves_a_socket", "test_leaves_a_file"}, done.stdout
    assert "unclosed transport" in done.stdout
    assert "unclosed file" in done.stdout
    assert "3 passed" in done.stdout
