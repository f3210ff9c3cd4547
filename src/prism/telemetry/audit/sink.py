"""Where the audit trail is written to: a file that is rotated, or standard output."""

import os
from pathlib import Path
from typing import Final, Protocol

_MODE: Final = 0o600  # who did what is private


class Sink(Protocol):
    """Takes whole lines. Called in the writer's thread: it may wait."""

    def write(self, lines: bytes) -> None:
        """Writes all of it; after an OSError it is called again with the same lines, of which none is written twice."""
        ...

    def close(self) -> None: ...


class RotatedFile:
    """A file that becomes `NAME.1`, and that one `NAME.2`, when it is full.

    One that was moved away (logrotate) is made anew.

    Args:
        path: of the file; lines are added to one that is there.
        max_size: bytes after which the next file begins.
        keep: how many older files are kept.

    Raises:
        OSError: it cannot be written to.
    """

    def __init__(self, path: Path, *, max_size: int, keep: int) -> None:
        self._path = path
        self._max_size = max_size
        self._keep = keep
        self._descriptor = self._open()

    def write(self, lines: bytes) -> None:
        """Writes the lines, or none of them."""
        if not self._is_there():
            self.close()
            self._descriptor = self._open()
        size = os.fstat(self._descriptor).st_size
        if size and size + len(lines) > self._max_size:
            self._rotate()
            size = 0
        try:
            _write_all(self._descriptor, lines)
        except OSError:
            os.ftruncate(self._descriptor, size)  # half a line would spoil the next one
            raise

    def close(self) -> None:
        """Closes the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)

    def _is_there(self) -> bool:
        try:
            return self._descriptor >= 0 and os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        older = [self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._keep + 1)]
        for new, old in zip(reversed(older), reversed([self._path, *older[:-1]]), strict=False):
            if old.exists():
                old.replace(new)
        if not older:
            self._path.unlink()
        self.close()
        self._descriptor = self._open()


class StandardOutput:
    """Standard output. A reader that does not keep up holds up the writer's thread, and nothing else."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._begun: tuple[bytes, int] = (b"", 0)

    def write(self, lines: bytes) -> None:
        """Writes the lines; goes on where it was when the same are given again."""
        before, done = self._begun
        done = done if before is lines else 0
        try:
            while done < len(lines):
                done += os.write(self._descriptor, memoryview(lines)[done:])
        finally:
            self._begun = (lines, done) if done < len(lines) else (b"", 0)

    def close(self) -> None:
        """Does nothing: others write there too."""


def _write_all(descriptor: int, data: bytes) -> None:
    done = 0
    while done < len(data):
        done += os.write(descriptor, memoryview(data)[done:])
