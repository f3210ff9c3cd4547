"""What stands for a harness stands for its tests only."""

import subprocess
import sys
from pathlib import Path

HARNESSES = """from pathlib import Path

from prism.acceptance import PluginAcceptanceHarness
from prism.backends.memory.testing import MemoryTestBackend


class Noted(MemoryTestBackend):
    def note(self, what):
        with Path(__file__).with_name("notes").open("a") as notes:
            print(what, type(self).__name__, file=notes)

    async def start(self):
        self.note("start")
        await super().start()

    async def stop(self):
        await super().stop()
        self.note("stop")


class One(Noted): ...


class Two(Noted): ...


one = PluginAcceptanceHarness("memory", One, suites=("keyvalue", "cache"), ways=("binding", "process"))
two = PluginAcceptanceHarness("memory", Two, suites=("keyvalue", "cache"), ways=("binding", "process"))
"""


def test_a_harness_ends_before_the_next_one_starts(tmp_path: Path) -> None:
    """Whatever its suites and ways in: one store at a time, and each once."""
    (tmp_path / "test_memory.py").write_text(HARNESSES)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "keyvalue.versions or counters",
        "-p",
        "prism.acceptance.pytest_plugin",
    ]
    command += ["-p", "no:cacheprovider", "--disable-plugin-autoload", "-p", "pytest_asyncio.plugin"]
    command += [f"--rootdir={tmp_path}", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "notes").read_text().split("\n") == ["start One", "stop One", "start Two", "stop Two", ""]
