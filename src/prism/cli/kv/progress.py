"""A progress bar on a terminal; nothing where standard error is not a terminal."""

import sys
from time import monotonic
from typing import Self

import click

_WIDTH = 24
_REDRAW_SECONDS = 0.1


class Progress:
    """Shows on standard error how far a transfer is; a context manager that leaves a clean line behind."""

    def __init__(self, label: str, total: int | None) -> None:
        """
        Args:
            label: what is going on.
            total: how much there is in all; None where that is not known.
        """
        self._label = label
        self._total = total
        self._done = 0
        self._started = monotonic()
        self._drawn = 0.0
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def advance(self, amount: int, note: str) -> None:
        """Adds to what is done; `note` is shown beside it."""
        self._done += amount
        now = monotonic()
        if self._shown and now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            click.echo(f"\r\x1b[K{self._label}  {self._bar(now)}{note}", nl=False, err=True)

    def clear(self) -> None:
        """Clears the bar, so that another line can be written."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _bar(self, now: float) -> str:
        if not self._total:
            return ""
        part = min(1.0, self._done / self._total)
        left = (now - self._started) * (1 - part) / part if part else 0.0
        filled = round(part * _WIDTH)
        return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {part:4.0%}  {left:.0f} s left  "
