"""The options of commands that connect to a gateway, on either of its ports, and advice where connecting fails."""

from abc import ABC, abstractmethod
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
"""What OpenSSL and the transport say of a connection that fails because of TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """The port of a gateway that a command calls.

    Attributes:
        variables: the prefix of the environment variables.
        endpoint: the default of `--endpoint`.
        meaning: the help of `--endpoint`.
        timeout: the default of `--timeout`.
        waits: the help of `--timeout`.
        token: the help of `--token`.
        advice: what to do if nothing answers there.
        mistaken: what to do if the server there does not know the method.
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
        """The options of every command on this port."""
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
        """Adds advice to the error of a call that did not reach a gateway.

        Args:
            error: its message is changed.
            tls: whether the command uses TLS.
        """
        from prism.errors import Unimplemented
        from prism.wire import StatusError

        if isinstance(error, Unimplemented):
            if not error.metadata:  # a gateway's own answer names the namespace or the capability
                error.message += f"; {self.mistaken}"
        elif isinstance(error.__cause__, StatusError) and error.__cause__.unprocessed:
            error.message += f"; {self._why(error.message, tls=tls)}"

    def _why(self, message: str, *, tls: bool) -> str:
        if _TLS_TO_CLEAR in message:
            return "the port does not use TLS: remove the --tls-... options, or use another port"
        if _UNTRUSTED in message:
            return "give --tls-ca the CA that signed the certificate, and --endpoint a host name in the certificate"
        if _CLEAR_TO_TLS in message and not tls:
            return "the port may require TLS: give --tls-ca the CA that signed its certificate"
        return self.advice


class ConnectedCommand(click.Command, ABC):
    """A command with an async callback: subclasses connect and run it; what it returns is the exit code.

    Attributes:
        port: the port that it calls.
    """

    port: Port

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[*(params or []), *self.port.options()], **settings)

    def invoke(self, ctx: click.Context) -> None:
        """Connects, runs, exits."""
        import asyncio

        ctx.exit(asyncio.run(self._advised(ctx)))

    @abstractmethod
    async def connected(self, ctx: click.Context, arguments: dict[str, Any]) -> int:
        """Connects and runs the callback.

        Args:
            ctx: of this command.
            arguments: all of them, by name; connecting takes out its own.
        """

    async def _advised(self, ctx: click.Context) -> int:
        from prism.errors import GatewayUnavailable, Unimplemented

        try:
            return await self.connected(ctx, dict(ctx.params))
        except (GatewayUnavailable, Unimplemented) as error:
            self.port.advise(error, tls=any(ctx.params.get(name) for name in ("tls_ca", "tls_cert")))
            raise
