"""Where the audit trail is written to."""

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prism.telemetry.audit.sink import RotatedFile, StandardOutput


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A full disk, as far as this process is concerned."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_full_files_are_kept_by_number_and_the_oldest_goes(tmp_path: Path) -> None:
    """Whole lines only; the newest old file is NAME.1."""
    path = tmp_path / "audit.jsonl"
    sink = RotatedFile(path, max_size=20, keep=2)
    for number in range(8):
        sink.write(b"line %04d\n" % number)
    sink.close()
    assert lines(path) == ["line 0006", "line 0007"]
    assert lines(tmp_path / "audit.jsonl.1") == ["line 0004", "line 0005"]
    assert lines(tmp_path / "audit.jsonl.2") == ["line 0002", "line 0003"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]


def test_without_older_files_the_full_one_goes(tmp_path: Path) -> None:
    """keep=0 bounds the disk by one file."""
    sink = RotatedFile(tmp_path / "audit.jsonl", max_size=20, keep=0)
    for number in range(3):
        sink.write(b"line %04d\n" % number)
    sink.close()
    assert lines(tmp_path / "audit.jsonl") == ["line 0002"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_was_there_is_continued_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """A restart loses nothing; a new file is 0600."""
    path = tmp_path / "audit.jsonl"
    for line in (b"before\n", b"after\n"):
        sink = RotatedFile(path, max_size=1000, keep=1)
        sink.write(line)
        sink.close()
    assert lines(path) == ["before", "after"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    """logrotate needs to tell us nothing."""
    path = tmp_path / "audit.jsonl"
    sink = RotatedFile(path, max_size=1000, keep=1)
    sink.write(b"first\n")
    path.rename(tmp_path / "elsewhere")
    sink.write(b"second\n")
    sink.close()
    assert lines(path) == ["second"]
    assert lines(tmp_path / "elsewhere") == ["first"]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """What did not fit is written whole when there is room again."""
    path = tmp_path / "audit.jsonl"
    sink = RotatedFile(path, max_size=10_000, keep=1)
    sink.write(b"a" * 99 + b"\n")
    block = b"b" * 199 + b"\n"
    with files_no_larger_than(150), pytest.raises(OSError, match="File too large"):
        sink.write(block)
    assert path.stat().st_size == 100
    sink.write(block)
    sink.close()
    assert path.read_bytes() == b"a" * 99 + b"\n" + block


def test_standard_output_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a failure the same lines are given again; no byte is written twice."""
    path = tmp_path / "out"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sink = StandardOutput(descriptor)
    block = b"c" * 299 + b"\n"
    try:
        with files_no_larger_than(150), pytest.raises(OSError, match="File too large"):
            sink.write(block)
        sink.write(block)
        sink.write(b"next\n")
    finally:
        os.close(descriptor)
    assert path.read_bytes() == block + b"next\n"
