"""The options of commands that ask a gateway, on either of its ports, and what helps where nobody answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration
from prism.cli.tls import tls_options

if TYPE_CHECKING:
    from prism.errors import GatewayUnavailable, Unimplemented

_TLS_TO_CLEAR = "WRONG_VERSION_NUMBER"
_CLEAR_TO_TLS = "the peer closed the connection"
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""What is said of a connection that fails for its TLS, by OpenSSL and by the transport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """What a command asks.

    Attributes:
        variables: what the names of environment variables begin with.
        endpoint: where it is unless somebody says otherwise.
        meaning: of `--endpoint`.
        timeout: the default of `--timeout`.
        waits: the meaning of `--timeout`.
        token: the meaning of `--token`.
        advice: what to do where nobody answers there.
        mistaken: what to do where whoever answers does not know the method.
    """

    variables: str
    endpoint: str
    meaning: str
    timeout: str
    waits: str
    token: str
    advice: str
    mistaken: str

    def options(self) -> list[click.Parameter]:
        """The options of every command that asks it."""
        return [
            click.Option(
                ["--endpoint"],
                envvar=f"{self.variables}_ENDPOINT",
                default=self.endpoint,
                show_default=True,
                show_envvar=True,
                metavar="HOST:PORT",
                help=self.meaning,
            ),
            click.Option(
                ["--timeout"],
                envvar="PRISM_TIMEOUT",
                type=duration,
                default=self.timeout,
                show_default=True,
                show_envvar=True,
                help=self.waits,
            ),
            click.Option(["--token"], envvar="PRISM_TOKEN", show_envvar=True, help=self.token),
            *tls_options(self.variables),
        ]

    def advise(self, error: "GatewayUnavailable | Unimplemented", *, tls: bool) -> None:
        """Adds what helps to an error of a call that no gateway has taken.

        Args:
            error: is changed.
            tls: the command asked for TLS.
        """
        from prism.errors import Unimplemented
        from prism.wire import StatusError

        if isinstance(error, Unimplemented):
            if not error.metadata:  # a gateway's own refusal names the namespace, or the capability
                error.message += f"; {self.mistaken}"
        elif isinstance(error.__cause__, StatusError) and error.__cause__.unprocessed:
            error.message += f"; {self._why(error.message, tls=tls)}"

    def _why(self, message: str, *, tls: bool) -> str:
        if _TLS_TO_CLEAR in message:
            return "no TLS is spoken there: leave the options --tls-... out, or ask another port"
        if _UNTRUSTED in message:
            return "name the authority that signed its certificate by --tls-ca, and by --endpoint a name that it is for"
        if _CLEAR_TO_TLS in message and not tls:
            return "it may want TLS: --tls-ca names the authority that signed its certificate"
        return self.advice


class ConnectedCommand(click.Command):
    """A command whose work is async: subclasses connect, and run the callback; what it returns is the exit code.

    Attributes:
        port: what it asks.
    """

    port: Port

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[*(params or []), *self.port.options()], **settings)

    def invoke(self, ctx: click.Context) -> None:
        """Connects, runs, exits."""
        import asyncio

        ctx.exit(asyncio.run(self._advised(ctx)))

    async def connected(self, ctx: click.Context, arguments: dict[str, Any]) -> int:
        """Connects and runs the callback.

        Args:
            ctx: of this command.
            arguments: all of them, by name; those that say how to connect are taken out.
        """
        raise NotImplementedError

    async def _advised(self, ctx: click.Context) -> int:
        from prism.errors import GatewayUnavailable, Unimplemented

        try:
            return await self.connected(ctx, dict(ctx.params))
        except (GatewayUnavailable, Unimplemented) as error:
            self.port.advise(error, tls=any(ctx.params.get(name) for name in ("tls_ca", "tls_cert")))
            raise
