"""A shell: statements that end with a semicolon, one after the other, with a history."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from prism.errors import PrismError

_HELP = (
    "End a statement with ;  \\q or Ctrl-D ends, \\w switches between reading (Query) and writing (Execute), Ctrl-C "
    "drops what is typed, or stops what runs."
)
_MOMENT = 0.01
"""Seconds for what has come by the connection while a line was typed, before the next call uses it."""


async def shell(namespace: str, run: Callable[[str, bool], Awaitable[None]], *, writes: bool) -> bool:
    """Whether each succeeded. Reads statements and runs each until the input ends; an error ends none but its own."""
    interactive = sys.stdin.isatty()
    history = _history() if interactive else None
    if interactive:
        click.echo(_HELP, err=True)
    try:
        with _interrupts(interactive) as interrupt:
            return await _statements(namespace, run, interrupt, writes=writes)
    finally:
        if history is not None:
            _keep(history)


async def _statements(
    namespace: str, run: Callable[[str, bool], Awaitable[None]], interrupt: "_Interrupt | None", *, writes: bool
) -> bool:
    held: list[str] = []
    well = True
    while True:
        if interrupt is not None:
            try:
                line = interrupt.typed(_prompt(namespace, held, writes=writes))
            except KeyboardInterrupt:
                held.clear()
                click.echo()
                continue
            await asyncio.sleep(_MOMENT)
        else:
            line = await asyncio.to_thread(_line, "")
        command = "" if held or line is None else line.strip()
        if line is None or command == "\\q":
            break
        if command == "\\w":
            writes = not writes
            click.echo("writing" if writes else "reading", err=True)
            continue
        if interrupt is not None and command.startswith("\\"):
            click.echo(_HELP, err=True)
            continue
        if not held and not command:
            continue
        held.append(line)
        if not line.rstrip().endswith(";"):
            continue
        statement, held = "\n".join(held).strip().rstrip(";").strip(), []
        if statement:
            well = await _one(statement, run, interrupt, writes=writes) and well
    if "".join(held).strip():
        well = await _one("\n".join(held), run, interrupt, writes=writes) and well
    return well


async def _one(
    statement: str, run: Callable[[str, bool], Awaitable[None]], interrupt: "_Interrupt | None", *, writes: bool
) -> bool:
    try:
        if interrupt is None:
            await run(statement, writes)
            return True
        task = interrupt.task = asyncio.ensure_future(run(statement, writes))
        if interrupt.pressed:
            task.cancel()
        await asyncio.wait((task,))
        if task.cancelled():
            click.echo("prism: stopped", err=True)
            return False
        task.result()
    except PrismError as error:
        click.echo(f"prism: {error.message}", err=True)
        return False
    return True


class _Interrupt:
    """Ctrl-C on a terminal.

    Attributes:
        task: what runs, which it stops.
        pressed: since the last line was typed.
    """

    def __init__(self) -> None:
        self.task: asyncio.Future[None] | None = None
        self.pressed = False

    def press(self) -> None:
        """It is pressed while nothing is typed."""
        self.pressed = True
        if self.task is not None:
            self.task.cancel()

    def typed(self, prompt: str) -> str | None:
        """The next line; None at the end. Here and not in a thread, where Ctrl-C would not reach it.

        Raises:
            KeyboardInterrupt: by Ctrl-C.
        """
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.task, self.pressed = None, False
        try:
            return _line(prompt)
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupts(interactive: bool) -> Iterator[_Interrupt | None]:
    """Within it, Ctrl-C on a terminal ends no more than a line, or what runs."""
    if not interactive:
        yield None
        return
    interrupt, loop, before = _Interrupt(), asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
    loop.add_signal_handler(signal.SIGINT, interrupt.press)
    try:
        yield interrupt
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)


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
