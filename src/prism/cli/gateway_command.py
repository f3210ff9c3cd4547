"""A command that asks a gateway about one namespace: its options, its connection, its event loop."""

from typing import Any

import click

from prism.cli.duration import duration
from prism.cli.tls import tls_of, tls_options

DEFAULT_ENDPOINT = "127.0.0.1:8980"


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--endpoint"],
            envvar="PRISM_ENDPOINT",
            default=DEFAULT_ENDPOINT,
            show_default=True,
            show_envvar=True,
            metavar="HOST:PORT",
            help="The gateway, or unix:/PATH.",
        ),
        click.Option(
            ["--timeout"],
            envvar="PRISM_TIMEOUT",
            type=duration,
            default="10s",
            show_default=True,
            show_envvar=True,
            help="Longest wait for a call, or for each page of a list.",
        ),
        click.Option(["--token"], envvar="PRISM_TOKEN", show_envvar=True, help="A bearer token, or an API key."),
        *tls_options("PRISM"),
    ]


class GatewayCommand(click.Command):
    """Runs an async callback with the data of the namespace; what it returns is the exit code.

    Attributes:
        abstraction: the method of the client that gives it.
    """

    abstraction = "keyvalue"

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[click.Argument(["namespace"]), *(params or []), *_options()], **settings)

    def invoke(self, ctx: click.Context) -> None:
        """Connects, runs, exits."""
        import asyncio

        ctx.exit(asyncio.run(self._run(ctx)))

    async def _run(self, ctx: click.Context) -> int:
        from prism.client import Client, GatewayUnavailable
        from prism.wire import StatusError

        arguments = dict(ctx.params)
        endpoint, token = arguments.pop("endpoint"), arguments.pop("token")
        try:
            tls = tls_of(arguments)
            client = Client(endpoint, token=token, tls=tls, timeout=arguments.pop("timeout"))
            data = getattr(client, self.abstraction)(arguments.pop("namespace"))
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error
        async with client:
            try:
                return int(await ctx.invoke(self.callback, data, **arguments) or 0)  # type: ignore[arg-type]
            except GatewayUnavailable as error:
                if isinstance(error.__cause__, StatusError) and error.__cause__.unprocessed:
                    error.message += "; `prism serve` runs a gateway, --endpoint names another"
                raise
