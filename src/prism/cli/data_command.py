"""A command on the data of one namespace, through a gateway's data port."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.connection import ConnectedCommand, Port
from prism.cli.tls import tls_of

if TYPE_CHECKING:
    from prism.client import Client

DATA = Port(
    variables="PRISM",
    endpoint="127.0.0.1:8980",
    meaning="Address of the gateway's data port, HOST:PORT or unix:/PATH.",
    timeout="10s",
    waits="Time limit for each call to the gateway, or for each page of a list, such as 30s.",
    token="Bearer token or API key with which to log in at the gateway.",  # noqa: S106  # what one is, not one
    advice="start a gateway with `prism serve`, or name another with --endpoint",
    mistaken="check that this is a gateway's data port: `prism serve` prints it; --endpoint names another",
)


class DataCommand(ConnectedCommand):
    """Runs an async callback with one abstraction of a namespace; each group of commands has a subclass.

    Attributes:
        abstraction: its name, which is also the method of `prism.client.Client` that returns it.
    """

    port = DATA
    abstraction: str

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[click.Argument(["namespace"]), *(params or [])], **settings)

    def data(self, client: "Client", namespace: str) -> Any:
        """What the callback is given. Raises `ValueError` where the name is malformed."""
        return getattr(client, self.abstraction)(namespace)

    async def connected(self, ctx: click.Context, arguments: dict[str, Any]) -> int:
        """Connects to the data port and runs the callback."""
        from prism.client import Client

        endpoint, token = arguments.pop("endpoint"), arguments.pop("token")
        try:
            tls = tls_of(arguments)
            client = Client(endpoint, token=token, tls=tls, timeout=arguments.pop("timeout"))
            data = self.data(client, arguments.pop("namespace"))
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error
        async with client:
            return int(await ctx.invoke(self.callback, data, **arguments) or 0)  # type: ignore[arg-type]
