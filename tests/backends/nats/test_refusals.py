"""A NATS server that answers and refuses the connection is not one that does not answer."""

import asyncio
import socket
import struct

import pytest
from nats import errors

from backends.nats.listening import Backends
from missing import missing
from prism.backends.nats.config import NatsConfig, NatsCredentials
from prism.backends.nats.errors import translate
from prism.backends.nats.servers import Servers
from prism.backends.nats.session import NatsSession
from prism.backends.nats.testing import NatsServer, ServerMissing
from prism.errors import BackendUnavailable


async def test_a_server_with_no_place_left() -> None:
    """max_connections is reached: the error says that, and not that the server is away."""
    try:
        server = NatsServer("none", "max_connections: 1")
    except ServerMissing as absent:
        missing(str(absent))
    server.start()
    try:
        async with Backends(server) as backends:
            with pytest.raises(BackendUnavailable, match=r"refuses the connection.*maximum connections exceeded"):
                await backends.start()
    finally:
        server.stop()


async def test_last_words_that_were_lost_with_their_connection_are_asked_for_again() -> None:
    """A reset may overtake what the server said: the second connection hears it."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        writer.write(b'INFO {"server_id":"x","version":"2.11.0","max_payload":1048576}\r\n')
        await reader.readline()
        if served == 1:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        writer.write(b"-ERR 'maximum connections exceeded'\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(BackendUnavailable, match="maximum connections exceeded"):
            await NatsSession.open(NatsConfig(servers=(url,)), NatsCredentials(), Servers([url]), "test")
    assert served == 2


def test_silence_is_still_silence() -> None:
    """The sentence of the network is kept for the network."""
    for silence in (
        ConnectionRefusedError("refused"),
        errors.NoServersError(),
        errors.Error("nats: empty response from server when expecting INFO message"),
    ):
        assert translate(silence).message.startswith("NATS does not answer")
