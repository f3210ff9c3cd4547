"""A command on a gateway's admin port, and its connection."""

import getpass
import os
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from prism.cli.connection import ConnectedCommand, Port
from prism.cli.tls import tls_of

if TYPE_CHECKING:
    import ssl

    from google.protobuf.message import Message

    from prism.wire import Deadline

_SERVICE = "/prism.admin.v1.AdminService/"

ADMIN = Port(
    variables="PRISM_ADMIN",
    endpoint="127.0.0.1:8981",
    meaning="Address of the gateway's admin port, HOST:PORT or unix:/PATH.",
    timeout="30s",
    waits="Time limit for each call to the gateway, such as 30s.",
    token="Bearer token with which to log in at the gateway.",  # noqa: S106  # what one is, not one
    advice="start a gateway with `prism serve`, which prints its admin port, or name another with --endpoint",
    mistaken="check that this is a gateway's admin port: `prism serve` prints it; --endpoint names another",
)


class AdminClient:
    """A connection to an admin port."""

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
        """The answers of a stream, without a time limit; raises as `call` does."""
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
    """The operator, as far as this machine knows: `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as containers have
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}".encode("ascii", "replace").decode()


class AdminCommand(ConnectedCommand):
    """Runs an async callback with an `AdminClient`."""

    port = ADMIN

    async def connected(self, ctx: click.Context, arguments: dict[str, Any]) -> int:
        """Connects to the admin port and runs the callback."""
        endpoint, token, timeout = (arguments.pop(name) for name in ("endpoint", "token", "timeout"))
        try:
            client = AdminClient(endpoint, token=token, timeout=timeout, tls=tls_of(arguments))
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from error
        try:
            return int(await ctx.invoke(self.callback, client, **arguments) or 0)  # type: ignore[arg-type]
        finally:
            await client.close()
