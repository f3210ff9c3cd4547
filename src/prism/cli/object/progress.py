"""The progress bar of transfers: click's, on a terminal; nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prism.client.objects import OnProgress


@contextmanager
def progress(label: str, size: int) -> Iterator["OnProgress | None"]:
    """What learns of bytes that have passed, of so many in all; None where there is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=size, label=label, file=sys.stderr, width=24, show_pos=False) as bar:
        yield bar.update
