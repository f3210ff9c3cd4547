"""A shell: statements that end with a semicolon, one after the other, with a history."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import click

from prism.errors import PrismError

_HELP = "End a statement with ;  \\q or Ctrl-D ends, \\w switches between reading (Query) and writing (Execute)."


async def shell(namespace: str, run: Callable[[str, bool], Awaitable[None]], *, writes: bool) -> bool:
    """Whether each succeeded. Reads statements and runs each until the input ends; an error ends none but its own."""
    interactive = sys.stdin.isatty()
    history = _history() if interactive else None
    if interactive:
        click.echo(_HELP, err=True)
    try:
        held: list[str] = []
        well = True
        while True:
            line = await asyncio.to_thread(_line, _prompt(namespace, held, writes=writes) if interactive else "")
            if line is None or (not held and line.strip() == "\\q"):
                break
            if not held and line.strip() == "\\w":
                writes = not writes
                click.echo("writing" if writes else "reading", err=True)
                continue
            if not held and not line.strip():
                continue
            held.append(line)
            if not line.rstrip().endswith(";"):
                continue
            statement, held = "\n".join(held).strip().rstrip(";").strip(), []
            if statement:
                well = await _one(statement, run, writes=writes) and well
        if "".join(held).strip():
            well = await _one("\n".join(held), run, writes=writes) and well
        return well
    finally:
        if history is not None:
            _keep(history)


async def _one(statement: str, run: Callable[[str, bool], Awaitable[None]], *, writes: bool) -> bool:
    try:
        await run(statement, writes)
    except PrismError as error:
        click.echo(f"prism: {error.message}", err=True)
        return False
    return True


def _prompt(namespace: str, held: list[str], *, writes: bool) -> str:
    return " " * len(namespace) + "   " if held else f"{namespace}{'#' if writes else '>'} "


def _line(prompt: str) -> str | None:
    """The next line; None at the end of the input."""
    try:
        return input(prompt)
    except EOFError:
        return None


def _history() -> Path | None:
    """Where lines of sessions before are kept; the terminal's arrow keys find them."""
    with suppress(ImportError):
        import readline

        file = Path(os.environ.get("PRISM_SQL_HISTORY") or Path.home() / ".prism_sql_history")
        with suppress(OSError):
            readline.read_history_file(file)
        readline.set_history_length(2_000)
        return file
    return None


def _keep(file: Path) -> None:
    import readline

    with suppress(OSError):
        file.touch(mode=0o600)
        readline.write_history_file(file)
