"""The fuzz targets on what they begin with, on what they once found, and for a few seconds with atheris."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from missing import missing

_ROOT = Path(__file__).parents[3]

# Inputs that showed a defect; each is played again. What it was stands beside it.
_FOUND = [
    # A refused HTTP/1.1 client that reads nothing kept its connection, and the server from closing.
    ("http1", b"\xb9\xff\x07\x07ST / HTTP/1.\r13\r\n\r\nabc"),
    # The oracle took the end of a body for HTTP/1.0, which the end of its connection marks, for one cut short.
    ("http1", b"0\x01\x07\x07POST /stream HTTP/1.0\r\noHstth: 4\r\n\r\nbodyGET / HT\r\n"),
    # The oracle gave a drain no time for a peer that does not read the last bytes.
    (
        "server",
        bytes.fromhex(
            "484fa02e00002c01040000000f8386448b61254257de54258bd38d3f418349509f5f8b1d75d0620d"
            "263d4c4d65644082497f864d833505b11f00000600010000000b00000000010000000600010000000b000000000000"
        ),
    ),
    # The oracle took for lost what is left out on purpose.
    ("fields", b"user-agent=identity, gzip\n"),
]

_CUT = """
from wire.fuzz.seeds import run_of_data, run_of_requests, run_of_responses
from wire.fuzz.stage import Stage
from wire.fuzz.targets import TARGETS
stage = Stage()
stage.rule_time()
for name, options, body, step in (
    ("both-servers", 0, run_of_requests(6), 1),
    ("both-clients", 32, run_of_responses(6), 1),
    ("both-servers", 0, run_of_data(), 37),
    ("both-clients", 0, run_of_data(answer=True), 37),
):
    target = TARGETS[name][0](stage)
    for cut in range(0, len(body) - 1, step):
        target(bytes((options, 8)) + cut.to_bytes(2, "big") + body)
"""

_PLAY = """
import sys
from wire.fuzz.seeds import seeds
from wire.fuzz.stage import Stage
from wire.fuzz.targets import TARGETS
stage = Stage()
stage.rule_time()
target = TARGETS[sys.argv[1]][0](stage)
for data in [bytes.fromhex(each) for each in sys.argv[2:]] or seeds(sys.argv[1]):
    target(data)
"""


def _need_native() -> None:
    if importlib.util.find_spec("prism_native") is None:
        missing("Rust did not build the native part of the wire here, so that there is nothing to compare")


def _run(*arguments: str) -> Iterator[str]:
    """A Python process of its own, because a stage puts its own clock in place of the real one."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"PYTHONPATH": f"{_ROOT / 'src'}:{_ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    yield from done.stdout.splitlines()


@pytest.mark.parametrize("target", ["server", "client", "http1", "hpack", "inbox", "fields"])
def test_valid_conversations_find_nothing(target: str) -> None:
    """The oracles agree with what is right."""
    list(_run("-c", _PLAY, target))


@pytest.mark.parametrize("target", ["both-servers", "both-clients", "both-decoders"])
def test_valid_conversations_are_the_same_natively_and_in_python(target: str) -> None:
    """What is written, handled, held and refused."""
    _need_native()
    list(_run("-c", _PLAY, target))


def test_a_run_of_calls_is_the_same_wherever_a_read_ends() -> None:
    """Plain calls and others in a row, cut in two at every octet."""
    _need_native()
    list(_run("-c", _CUT))


@pytest.mark.parametrize(("target", "data"), _FOUND)
def test_what_was_found_stays_mended(target: str, data: bytes) -> None:
    """Inputs that once were findings."""
    list(_run("-c", _PLAY, target, data.hex()))


@pytest.mark.whole
def test_a_few_seconds_find_nothing(tmp_path: Path, whole: bool) -> None:
    """Every target runs under atheris, and the report counts what it did; in samples one that serves, one that compares
    and one of values, for each takes a second and as long to start.
    """
    if importlib.util.find_spec("atheris") is None:
        missing("atheris has no wheel for this platform: coverage-guided fuzzing needs it")
    compared = "client" if importlib.util.find_spec("prism_native") is None else "both-clients"
    some = [word for name in ("server", compared, "fields") for word in ("--target", name)]
    part = ["--seconds", "6"] if whole else ["--seconds", "3", *some]
    lines = list(_run("-m", "wire.fuzz", "--seed", "7", "--folder", str(tmp_path), *part))
    counts = [line for line in lines if line.startswith("executions: ")]
    assert int(counts[0].split()[1]) > 0
    assert "findings: 0" in lines
