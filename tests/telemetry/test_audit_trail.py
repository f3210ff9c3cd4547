"""The audit trail: JSON lines, a bounded queue, losses that are told of."""

import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from prism.telemetry.audit import audit
from prism.telemetry.audit.sink import RotatedFile, StandardOutput
from prism.telemetry.audit.trail import UNTIL_KEPT, AuditTrail


@contextmanager
def kept(path: Path, **options: Any) -> Iterator[AuditTrail]:
    """A trail in a file."""
    with AuditTrail(**options) as trail:
        trail.keep(RotatedFile(path, max_size=1 << 30, keep=1), queue=1000)
        yield trail


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_an_event_is_a_line_with_what_is_known(path: Path) -> None:
    """Empty fields are left out, the number and the time are there, and what waits at the end is written."""
    with kept(path) as trail:
        audit.record(
            "admin",
            "namespace.create",
            principal="alice",
            namespace="profiles",
            peer="10.0.0.1:2",
            detail={"backend": "sqlite", "count": 2, "names": ["a", "b"]},
        )
        audit.record("denial", "prism.data.v1.KeyValue/Get", outcome="PERMISSION_DENIED", reason="PERMISSION_DENIED")
    first, second = events(path)
    assert first.pop("time").endswith("Z")
    assert first == {
        "sequence": 1,
        "kind": "admin",
        "action": "namespace.create",
        "outcome": "OK",
        "principal": "alice",
        "namespace": "profiles",
        "peer": "10.0.0.1:2",
        "backend": "sqlite",
        "count": 2,
        "names": ["a", "b"],
    }
    assert (second["sequence"], second["outcome"], second["reason"]) == (2, "PERMISSION_DENIED", "PERMISSION_DENIED")
    assert (trail.written, trail.lost, trail.waiting) == (2, 0, 0)


def test_events_from_before_it_is_known_where_to_are_written(path: Path) -> None:
    """A gateway starts plugins before its trail has a place."""
    with AuditTrail() as trail:
        audit.record("plugin", "plugin.serves")
        trail.keep(RotatedFile(path, max_size=1 << 20, keep=1), queue=1000)
    assert [each["action"] for each in events(path)] == ["plugin.serves"]


def test_nobody_keeps_a_trail(path: Path) -> None:
    """Recording is harmless then, and an event is never a line of the log; a trail that was left takes nothing."""
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    logging.getLogger().addHandler(handler)
    try:
        audit.record("admin", "nobody listens")
        with kept(path) as trail:
            pass
        audit.record("admin", "nobody listens any more")
    finally:
        logging.getLogger().removeHandler(handler)
    assert (trail.written, trail.lost) == (0, 0)
    assert path.read_bytes() == b""
    assert output.getvalue() == ""


def test_details_cannot_forge_lines_or_fields_or_hold_secrets(path: Path) -> None:
    """Line ends stay inside their line, a detail replaces no field, known secrets are hidden."""
    with kept(path, scrub=lambda text: text.replace("hunter2", "***")):
        audit.record("admin", "a", detail={"text": 'x\n{"forged": 1}', "kind": "call", "why": ["password hunter2"]})
    (event,) = events(path)
    assert (event["kind"], event["text"], event["why"]) == ("admin", 'x\n{"forged": 1}', ["password ***"])


def test_a_full_queue_loses_events_and_says_so() -> None:
    """A reader that stands still holds up nobody; when it goes on, the trail says how many were lost."""
    reader, writer = os.pipe()
    put = 5000
    with AuditTrail() as trail:
        trail.keep(StandardOutput(writer), queue=1000)
        for number in range(put):  # far more than a pipe and the queue hold
            audit.record("admin", "action", detail={"number": number, "filling": "x" * 100})
        lost = trail.lost
        assert lost > 0
        content: list[bytes] = []
        reading = threading.Thread(target=lambda: content.extend(iter(lambda: os.read(reader, 1 << 16), b"")))
        reading.start()
    os.close(writer)
    reading.join()
    os.close(reader)
    written = [json.loads(line) for line in b"".join(content).splitlines()]
    losses = [each for each in written if each["action"] == "audit.events_lost"]
    assert sum(each["count"] for each in losses) == trail.lost
    actions = [each for each in written if each["action"] == "action"]
    assert len(actions) == trail.written
    assert trail.written + trail.lost == put
    numbers = [each["sequence"] for each in written]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) - len(numbers) == trail.lost  # each loss is a gap too


class Broken:
    """A place that cannot be written to until it is mended."""

    def __init__(self) -> None:
        self.lines = b""
        self.failed = threading.Event()
        self.mended = threading.Event()
        self.closed = False

    def write(self, lines: bytes) -> None:
        if not self.mended.is_set():
            self.failed.set()
            raise OSError(28, "No space left on device")
        self.lines += lines

    def close(self) -> None:
        self.closed = True


def test_what_cannot_be_written_is_written_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs no event as long as the queue has room; the log says when it began and ended."""
    monkeypatch.setattr("prism.telemetry.audit.trail.RETRY", 0.01)
    sink = Broken()
    with AuditTrail() as trail:
        trail.keep(sink, queue=1000)
        audit.record("admin", "first")
        assert sink.failed.wait(10)
        audit.record("admin", "second")
        sink.mended.set()
    assert [json.loads(line)["action"] for line in sink.lines.splitlines()] == ["first", "second"]
    assert (trail.written, trail.lost) == (2, 0)
    texts = [record.getMessage() for record in caplog.records if record.name != audit.LOGGER]
    assert texts == [
        "cannot write the audit trail: No space left on device; events wait, and it is retried every 0.01 s",
        "the audit trail is written again, with the events that waited",
    ]


def test_what_cannot_be_written_before_the_end_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The process ends all the same, and its log says how much is missing."""
    sink = Broken()
    with AuditTrail() as trail:
        trail.keep(sink, queue=1000)
        audit.record("admin", "first")
        assert sink.failed.wait(10)
        audit.record("admin", "second")
    assert (trail.written, trail.lost) == (0, 2)
    said = caplog.records[-1].getMessage()
    assert said.startswith("2 audit events could not be written before the gateway stopped, and are lost")
    assert sink.closed


def test_before_a_place_is_known_the_queue_is_bounded_too() -> None:
    """A start that never ends fills no memory."""
    with AuditTrail() as trail:
        for _ in range(UNTIL_KEPT + 5):
            audit.record("plugin", "plugin.unavailable")
        assert (trail.waiting, trail.lost) == (UNTIL_KEPT, 5)
