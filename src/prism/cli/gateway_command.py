"""A command that asks a gateway about one namespace: its options, its connection, its event loop."""

from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration

if TYPE_CHECKING:
    import ssl

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
        _file(
            "--tls-ca", "PRISM_TLS_CA", "Authorities that vouch for a gateway with TLS, PEM; `system` for the system's."
        ),
        _file("--tls-cert", "PRISM_TLS_CERT", "A certificate to prove oneself with, PEM."),
        _file("--tls-key", "PRISM_TLS_KEY", "Its private key, PEM."),
    ]


def _file(name: str, variable: str, help_: str) -> click.Option:
    return click.Option([name], envvar=variable, show_envvar=True, metavar="FILE", help=help_)


def _tls(ca: str | None, cert: str | None, key: str | None) -> "ssl.SSLContext | None":
    """How to connect; None for clear text.

    Raises:
        ValueError: the files do not do for it.
    """
    if ca is None and cert is None and key is None:
        return None
    if (cert is None) != (key is None):
        raise ValueError("--tls-cert and --tls-key belong together; give both")
    from prism.wire import client_context

    try:
        return client_context(None if ca in (None, "system") else ca, cert, key)
    except OSError as error:
        named = ", ".join(filter(None, (ca, cert, key)))
        raise ValueError(f"cannot connect by TLS with {named}: {error.strerror or error}") from error


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
            tls = _tls(*(arguments.pop(name) for name in ("tls_ca", "tls_cert", "tls_key")))
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
