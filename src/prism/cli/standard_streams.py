"""Standard streams that are closed: from the start by a shell (`>&-`), or later by the reader (`| head`)."""

import os
import sys
from contextlib import suppress
from typing import BinaryIO

import click


def complete_streams() -> None:
    """Put something in the place of descriptors 0 to 2 that are closed, so that no socket gets their number.

    Python has None for such a stream. Only that for errors is needed by every command.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # until the process ends


def standard_output() -> BinaryIO:
    """Where bytes go.

    Raises:
        click.UsageError: it was closed from the start.
    """
    if sys.stdout is None:
        raise click.UsageError("standard output is closed; send it to a file or a pipe, or to /dev/null")
    return sys.stdout.buffer


def standard_input() -> BinaryIO:
    """Where bytes come from.

    Raises:
        click.UsageError: it was closed from the start.
    """
    if sys.stdin is None:
        raise click.UsageError("standard input is closed; give a file, or < /dev/null for nothing")
    return sys.stdin.buffer


def discard_output() -> None:
    """The reader is gone: what is still held goes nowhere, and the interpreter's own flush does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
            with suppress(BrokenPipeError):
                stream.flush()
    os.close(nowhere)
