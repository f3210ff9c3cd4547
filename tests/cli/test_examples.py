"""The examples at the end of a group's help."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from cli.command import prism
from client.upstream import Upstream


@pytest.mark.parametrize("group", ["kv", "cache"])
async def test_examples_work_one_after_another(group: str, upstream: Upstream, tmp_path: Path) -> None:
    """As they stand, in a shell."""
    shown = (await prism(group, "--help")).out.partition("Examples:")[2].partition("\n\n")[0]
    commands = [re.split(r"\s{2,}", line.strip())[0] for line in shown.strip().splitlines()]
    assert len(commands) > 2
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(commands),
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "PRISM_ENDPOINT": upstream.address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await shell.communicate()
    assert (shell.returncode, b"Error" in err) == (0, False), (out + err).decode()
