"""`prism acceptance run`: progress, summary, reports and exit codes."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from cli.command import prism

ITEMS = ("acceptance", "run", "memory", "--suite", "keyvalue", "--way", "binding", "-k", "versions")


async def test_a_plugin_that_passes(tmp_path: Path) -> None:
    """Exit code 0; the report is on standard output, progress on standard error, JUnit's XML in its file."""
    junit = tmp_path / "out.xml"
    done = await prism(*ITEMS, "--report", "json", "--junit", str(junit))
    assert done.code == 0, done.err
    (line,) = json.loads(done.out)["summary"]
    assert (line["plugin"], line["placement"], line["failed"]) == ("memory", "in_process", 0)
    assert line["passed"] >= 7
    assert "memory keyvalue binding versions ..." in done.err
    properties = {each.get("name") for each in ET.parse(junit).iter("property")}  # our own file
    assert {"rule", "plugin", "placement", "way"} <= properties


async def test_a_plugin_that_there_is_not() -> None:
    """The message names those that there are."""
    done = await prism("acceptance", "run", "nothing")
    assert done.code != 0
    assert "there is no plugin 'nothing'" in done.err
    assert "memory" in done.err
