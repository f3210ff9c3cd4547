"""A group whose commands are imported when they are used, so that the command line starts fast."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click


class ReaderGone(Exception):
    """Who read standard output has closed it, as `| head` does."""


class LazyGroup(click.Group):
    """A group made from a table: name -> (`module:attribute`, summary). The summaries make up `--help`.

    Args:
        args: for click.
        lazy: the table.
        examples: for the end of `--help`: what each command line does.
        settings: for click.
    """

    def __init__(
        self,
        *args: Any,
        lazy: Mapping[str, tuple[str, str]],
        examples: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self._lazy = lazy
        self._examples = examples or {}

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command. For a closed pipe click itself ends with 1, which here means that something is missing.

        Raises:
            ReaderGone: the output is not wanted any more.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Every command's name, in the order of the table."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Imports a command."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; the error for an unknown one names the nearest."""
        if args and args[0] not in self._lazy and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self._lazy, 1)
            hint = f"did you mean {near[0]}?" if near else f"the commands are {', '.join(self._lazy)}"
            ctx.fail(f"no such command: {args[0]}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        """Writes the summaries without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self._lazy.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples, each on one line, then the rest."""
        if self._examples:
            width = max(map(len, self._examples))
            with formatter.section("Examples"):
                for command, meaning in self._examples.items():
                    formatter.write(f"{' ' * formatter.current_indent}{command:<{width}}  {meaning}\n")
        super().format_epilog(ctx, formatter)
