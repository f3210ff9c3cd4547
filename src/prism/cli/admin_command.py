"""A command that asks a gateway's admin port: its options, its connection, its event loop."""

import getpass
import os
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from prism.cli.duration import duration
from prism.cli.tls import tls_of, tls_options

if TYPE_CHECKING:
    import ssl

    from google.protobuf.message import Message

    from prism.wire import Deadline

DEFAULT_ENDPOINT = "127.0.0.1:8981"
_SERVICE = "/prism.admin.v1.AdminService/"


def _options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--endpoint"],
            envvar="PRISM_ADMIN_ENDPOINT",
            default=DEFAULT_ENDPOINT,
            show_default=True,
            show_envvar=True,
            metavar="HOST:PORT",
            help="The gateway's admin port, or unix:/PATH.",
        ),
        click.Option(
            ["--timeout"],
            envvar="PRISM_TIMEOUT",
            type=duration,
            default="30s",
            show_default=True,
            show_envvar=True,
            help="Longest wait for an answer.",
        ),
        click.Option(["--token"], envvar="PRISM_TOKEN", show_envvar=True, help="A bearer token."),
        *tls_options("PRISM_ADMIN"),
    ]


class AdminClient:
    """One connection to an admin port."""

    def __init__(
        self, endpoint: str, *, token: str | None, timeout: float, tls: "ssl.SSLContext | None" = None
    ) -> None:
        """Prepares it; nothing is sent yet.

        Raises:
            ValueError: the endpoint or the token is malformed.
        """
        from prism.wire import Channel, Metadata

        fields = [("prism-operator", operator())]
        if token is not None:
            fields.append(("authorization", f"Bearer {token}"))
        self._channel = Channel(endpoint, tls=tls)
        self._metadata = Metadata(fields)
        self._timeout = timeout

    async def call(self, method: str, request: "Message", response: type["Message"]) -> Any:
        """The answer to one request.

        Raises:
            PrismError: it failed.
        """
        from prism.rpc_status import from_status
        from prism.wire import StatusError

        try:
            answer = await self._channel.unary(
                _SERVICE + method, request.SerializeToString(), metadata=self._metadata, deadline=self._deadline()
            )
        except StatusError as error:
            raise from_status(error.status) from error
        return response.FromString(answer)

    async def stream(self, method: str, request: "Message", response: type["Message"]) -> AsyncIterator[Any]:
        """The answers of a stream, however long it goes on; raises as `call` does."""
        from prism.rpc_status import from_status
        from prism.wire import StatusError

        try:
            async with self._channel.open(_SERVICE + method, metadata=self._metadata) as call:
                await call.send(request.SerializeToString())
                await call.end()
                while (message := await call.receive()) is not None:
                    yield response.FromString(message)
        except StatusError as error:
            raise from_status(error.status) from error

    async def pages(self, method: str, request: Any, response: type["Message"]) -> AsyncIterator[Any]:
        """The answers to a request for a list, page by page; raises as `call` does."""
        while True:
            page = await self.call(method, request, response)
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def close(self) -> None:
        """Ends the connection."""
        await self._channel.close()

    def _deadline(self) -> "Deadline":
        from prism.wire import Deadline

        return Deadline.after(self._timeout)


def operator() -> str:
    """Who asks, as far as this machine knows: `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as containers have
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}".encode("ascii", "replace").decode()


class AdminCommand(click.Command):
    """Runs an async callback with an `AdminClient`; what it returns is the exit code."""

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[*(params or []), *_options()], **settings)

    def invoke(self, ctx: click.Context) -> None:
        """Connects, runs, exits."""
        import asyncio

        ctx.exit(asyncio.run(self._run(ctx)))

    async def _run(self, ctx: click.Context) -> int:
        from prism.errors import GatewayUnavailable
        from prism.wire import StatusError

        arguments = dict(ctx.params)
        endpoint, token, timeout = (arguments.pop(name) for name in ("endpoint", "token", "timeout"))
        try:
            client = AdminClient(endpoint, token=token, timeout=timeout, tls=tls_of(arguments))
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error
        try:
            return int(await ctx.invoke(self.callback, client, **arguments) or 0)  # type: ignore[arg-type]
        except GatewayUnavailable as error:
            if isinstance(error.__cause__, StatusError) and error.__cause__.unprocessed:
                error.message += (
                    "; `prism serve` runs a gateway and says where its admin port is, --endpoint names another"
                )
            raise
        finally:
            await client.close()
