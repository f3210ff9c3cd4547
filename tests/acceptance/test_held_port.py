"""A held port is for one server, from start to start, and for no other."""

import contextlib
import gc
import socket

import pytest

from prism.acceptance.store.held_port import HeldPort

OTHERS = 300


def test_a_server_comes_and_goes_on_it() -> None:
    """One that sets SO_REUSEADDR listens and is reached; before it and after it connections are refused."""
    port = HeldPort()
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port.number))
        with socket.create_server(("127.0.0.1", port.number)), socket.create_connection(("127.0.0.1", int(str(port)))):
            pass


def test_no_other_is_given_it() -> None:
    """Neither who binds to any port nor a connection that needs one of its own."""
    held = [HeldPort() for _ in range(OTHERS)]
    ours = {each.number for each in held}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=OTHERS))
        given = {server.getsockname()[1]}
        for _ in range(OTHERS):
            other = stack.enter_context(socket.socket())
            other.bind(("127.0.0.1", 0))
            connection = stack.enter_context(socket.create_connection(server.getsockname()))
            given |= {other.getsockname()[1], connection.getsockname()[1]}
    assert len(ours) == OTHERS
    assert ours & given == set()


def test_it_is_given_up_with_its_object() -> None:
    """A socket that needs the port for itself alone may have it then, and not before."""
    port = HeldPort()
    number = port.number
    with socket.socket() as alone, pytest.raises(OSError, match="in use"):
        alone.bind(("127.0.0.1", number))
    del port
    gc.collect()
    with socket.socket() as alone:
        alone.bind(("127.0.0.1", number))
