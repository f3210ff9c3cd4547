"""The conformance suite of the Connect project, case by case: its clients against our server, our client against its.

What our own programs do for it is in this folder: they serve and call by the ways that a gateway has, and have no code
for framing, compression or errors. `*.yaml` says what of it applies to us. No case is known to fail; were there any,
they would be listed in a file for `--known-failing`, each with its reason.
"""

import asyncio
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from conformance.counts import COUNTS
from conformance.messages import DESCRIPTIONS, compile_protos
from shared_cache import CACHE

_HERE: Final = Path(__file__).parent
_VERSION: Final = re.compile(r"connectrpc\.com/conformance (v\S+)")
_COUNTS: Final = re.compile(r"Total cases: (\d+)\n(\d+) passed, (\d+) failed")


@pytest.fixture(scope="session")
def descriptions(connectconformance: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite's messages, compiled from the .proto files of the module that it was built from."""
    version = _VERSION.search((_HERE.parent / "wire/interop/go/conformance/go.mod").read_text())
    assert version is not None
    out = tmp_path_factory.mktemp("conformance") / "descriptions"
    compile_protos(CACHE / f"go/pkg/mod/connectrpc.com/conformance@{version[1]}/proto", out)
    return out


@pytest.mark.parametrize(
    ("features", "mode", "cases"),
    [("grpc", "server", 570), ("connect", "server", 1530), ("grpc-web", "server", 904), ("grpc", "client", 646)],
)
async def test_every_case_passes(
    connectconformance: Path,
    descriptions: Path,
    record_property: Callable[[str, object], None],
    features: str,
    mode: str,
    cases: int,
) -> None:
    """Plain and over TLS, over HTTP/1.1 and HTTP/2 where there are both; fewer would mean that some did not run."""
    program = (sys.executable, "-m", f"conformance.{mode}")
    process = await asyncio.create_subprocess_exec(
        *(connectconformance, "--mode", mode, "--conf", _HERE / f"{features}.yaml", "--", *program),
        env=os.environ | {DESCRIPTIONS: str(descriptions), "PYTHONPATH": str(_HERE.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    counts = _COUNTS.search(output)
    assert counts is not None, output
    record_property(COUNTS, f"{features} {mode}: {counts[2]} of {counts[1]} cases passed")
    assert (int(counts[1]), int(counts[2])) == (cases, cases), output
    assert process.returncode == 0, output
