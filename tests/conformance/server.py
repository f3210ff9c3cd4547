"""A server under test: the ways in of the data port, over the suite's service. `python -m conformance.server`."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from conformance import messages as m
from conformance.service import Service, note
from prism import rpc_status
from prism.gateway.connect import Connect
from prism.gateway.grpc import grpc_methods
from prism.gateway.local_reply import GatewayLocalReply
from prism.wire import Server, ServerConfig, server_context


async def main() -> None:
    """Serves as the suite asks, until it is ended."""
    # The suite counts details: the reason and the outcome that we say beside each error of our own are one too many.
    rpc_status.own_details = lambda error: []
    asked = m.read(sys.stdin.buffer, m.message("ServerCompatRequest"))
    service, limit = Service(), asked.message_receive_limit or 4 << 20
    methods = grpc_methods(service)
    connect = Connect(service, max_message_size=limit, response_hops=[note])
    config = ServerConfig(max_message_size=limit, max_body_size=connect.body_limit)
    async with Server(
        methods.get,
        http=connect,
        message_bodies=connect.message_bodies,
        local_replies=GatewayLocalReply(),
        config=config,
    ) as server:
        address = await server.listen("127.0.0.1:0", tls=_tls(asked) if asked.use_tls else None)
        host, _, port = address.rpartition(":")
        m.write(
            sys.stdout.buffer,
            m.message("ServerCompatResponse")(host=host, port=int(port), pem_cert=asked.server_creds.cert),
        )
        await asyncio.Event().wait()


def _tls(asked: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        files = {"cert": asked.server_creds.cert, "key": asked.server_creds.key, "client_ca": asked.client_tls_cert}
        paths = {name: Path(folder) / name for name, pem in files.items() if pem}
        for name, path in paths.items():
            path.write_bytes(files[name])
        return server_context(**paths)


if __name__ == "__main__":
    uvloop.run(main())
