"""The server of a soak: `python -m wire.soak.server FOLDER`; it listens in clear text, on a unix socket and with TLS.

Connections grow old after a few seconds, so that clients are drained and come again all the time.
"""

import asyncio
import hashlib
import logging
import sys
from pathlib import Path
from typing import Any

from prism.wire import (
    Code,
    HttpRequest,
    HttpResponse,
    Metadata,
    Method,
    Server,
    ServerCall,
    ServerConfig,
    Status,
    StatusError,
    server_context,
)
from wire.soak import child

CONFIG = ServerConfig(max_connection_age=7.0, drain_timeout=60.0, keepalive_interval=5.0)


def lookup_table() -> dict[str, Method]:
    """The methods, by path."""
    methods = [
        Method("/soak.Soak/Echo", echo),
        Method("/soak.Soak/Digest", digest, client_streaming=True),
        Method("/soak.Soak/Repeat", repeat, server_streaming=True),
        Method("/soak.Soak/Chat", chat, client_streaming=True, server_streaming=True),
        Method("/soak.Soak/Packed", packed, client_streaming=True, server_streaming=True),
        Method("/soak.Soak/Fail", fail),
        Method("/soak.Soak/Hang", hang),
        Method("/soak.Soak/Cut", cut),
    ]
    return {method.path: method for method in methods}


async def echo(call: ServerCall) -> bytes:
    """Give the message back, and its metadata beside it."""
    name = call.metadata.get("name")
    if name is not None:
        call.set_trailing(Metadata([("name", str(name))]))
    return call.message


async def digest(call: ServerCall) -> bytes:
    """A digest of all messages."""
    state = hashlib.sha256()
    async for message in call.messages:
        state.update(message)
    return state.digest()


async def repeat(call: ServerCall) -> None:
    """As many messages of as many bytes as the request says."""
    count, size = map(int, call.message.split())
    for number in range(count):
        await call.send(number.to_bytes(4, "big") + bytes(size))


async def chat(call: ServerCall) -> None:
    """Give each message back."""
    async for message in call.messages:
        await call.send(message)


async def packed(call: ServerCall) -> None:
    """Give each message back, compressed."""
    call.set_compression("gzip")
    await chat(call)


async def fail(call: ServerCall) -> bytes:
    """End with a status that has everything."""
    raise StatusError(
        Status(Code.NOT_FOUND, f"no {call.message.hex()} \u2713", call.message), Metadata([("why", "soak")])
    )


async def hang(call: ServerCall) -> bytes:
    """Never end by itself."""
    await asyncio.Event().wait()
    return b""


async def cut(call: ServerCall) -> bytes:
    """Lose the connection."""
    call.connection.abort("cut on request")
    return b""


async def page(request: HttpRequest) -> HttpResponse:
    """Give the body back."""
    return HttpResponse(200, [("content-type", "application/octet-stream")], request.body)


async def main() -> None:
    """Serve until told to quit."""
    folder = Path(sys.argv[1])
    errors = child.ErrorCount()
    logging.getLogger().addHandler(errors)
    server = Server(lookup_table().get, http=page, config=CONFIG)

    async def stats() -> dict[str, Any]:
        return {
            **child.vitals(),
            "calls": server.calls,
            "connections": server.connections,
            "errors": errors.count,
        }

    async with server:
        tls = server_context(folder / "server.pem", folder / "server.key")
        child.say(
            {
                "tcp": await server.listen("127.0.0.1:0"),
                "unix": await server.listen(f"unix:{folder}/soak.sock"),
                "tls": await server.listen("127.0.0.1:0", tls=tls),
            }
        )
        await child.obey({"stats": stats})


if __name__ == "__main__":
    child.run(main())
