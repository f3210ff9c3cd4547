"""A NATS server that answers and refuses the connection is not one that does not answer."""

import pytest
from nats import errors

from backends.nats.listening import Backends
from missing import missing
from prism.backends.nats.errors import translate
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


def test_silence_is_still_silence() -> None:
    """The sentence of the network is kept for the network."""
    for silence in (
        ConnectionRefusedError("refused"),
        errors.NoServersError(),
        errors.Error("nats: empty response from server when expecting INFO message"),
    ):
        assert translate(silence).message.startswith("NATS does not answer")
