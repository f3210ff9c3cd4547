"""The soak, for a few seconds: every kind of call, every answer right, nothing left behind."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def test_a_few_seconds_leave_nothing_behind() -> None:
    """Memory is judged in the long run only."""
    done = subprocess.run(
        [sys.executable, "-m", "wire.soak", "--seconds", "5", "--seed", "7"],
        env={"PYTHONPATH": f"{_ROOT / 'src'}:{_ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong answers: 0" in done.stdout
