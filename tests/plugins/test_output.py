"""What a plugin prints: lines, however they come, and the levels that they name."""

import logging

import pytest

from prism.plugins.sidecar.output import Lines, Output


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        (b"plain", "INFO", "plain"),
        (b'{"level": "error", "message": "it failed", "error": "why"}', "ERROR", "it failed: why"),
        (b'{"@level": "warn", "@message": "from Go"}', "WARNING", "from Go"),
        (b'{"level": "loud"}', "INFO", '{"level": "loud"}'),
        (b"{ no json", "INFO", "{ no json"),
        pytest.param(b'{"a":' + b"[" * 3900, "INFO", '{"a":' + "[" * 3900, id="nested without end"),
        (b"\xff password=hunter2", "INFO", "\ufffd password=***"),
    ],
)
async def test_a_line(line: bytes, level: str, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """Under the plugin's name, at its own level, without what is secret."""
    caplog.set_level(logging.DEBUG)
    output = Output("toy", lambda text: text.replace("hunter2", "***"))
    output.add(line)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("prism.plugin.toy", level, message)
    assert len(output.lines) == 1
    assert "hunter2" not in output.lines[0]


async def test_lines_are_put_together(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the pieces; what has no end is taken in parts, and the last one at the end of the pipe."""
    output = Output("toy", str)
    lines = Lines(output, wants_first=True)
    for piece in (b"fir", b"st\nsec", b"ond\n\nthird\n", b"x" * 5000, b"\nlast"):
        lines.data_received(piece)
    lines.connection_lost(None)
    assert await lines.first == b"first"
    assert [line.partition(" ")[2][:10] for line in output.lines] == ["second", "third", "x" * 10, "last"]


async def test_the_rate_has_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    """What is beyond it is counted, and the count told."""
    caplog.set_level(logging.INFO)
    output = Output("toy", str)
    for number in range(700):
        output.add(b"%d" % number)
    output.report_dropped()
    assert output.seen == 700
    assert output.dropped > 100
    assert f"{output.dropped} lines were dropped" in caplog.text
    assert len(output.since(690)) == 10
    assert output.since(700) == ()
