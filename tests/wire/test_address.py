"""Addresses, and the sockets for them."""

import errno
import re
import socket
from pathlib import Path

import pytest

from prism.wire.address import Address, bind_tcp, bind_unix


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:80", Address("localhost", 80)),
        ("[::1]:80", Address("::1", 80)),
        (":80", Address("", 80)),
        ("unix:/run/x", Address(path="/run/x")),
        ("unix:///run/x", Address(path="/run/x")),
        ("unix:relative", Address(path="relative")),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    """Each is read and written."""
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", "localhost:x", "localhost:99999", "::1:80", "unix:"])
def test_what_is_no_address(text: str) -> None:
    """The message shows one."""
    with pytest.raises(ValueError, match=r"host:port|brackets|unix:/"):
        Address.parse(text)


def test_a_url_is_no_address() -> None:
    """Who pastes one is told what to leave out."""
    with pytest.raises(ValueError, match=r"write host:port alone, without https://$"):
        Address.parse("https://gateway:8980")


def test_all_addresses_of_a_name_share_a_port() -> None:
    """Also a port that the system chose."""
    sockets = bind_tcp(Address("localhost", 0))
    assert len({sock.getsockname()[1] for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("host", ["::", ""])
def test_every_interface_is_of_both_kinds(host: str) -> None:
    """IPv4 and IPv6 on one port, each with a socket of its own: a caller by IPv4 has its own address."""
    sockets = bind_tcp(Address(host, 0))
    port = sockets[0].getsockname()[1]
    try:
        for sock in sockets:
            sock.listen()
        for target in ("127.0.0.1", "::1") if has_ipv6() else ("127.0.0.1",):
            with socket.create_connection((target, port)) as caller:
                family = socket.AF_INET6 if ":" in target else socket.AF_INET
                (accepting,) = (sock for sock in sockets if sock.family == family)
                accepting.setblocking(True)
                accepted, peer = accepting.accept()
                accepted.close()
                assert peer[:2] == caller.getsockname()[:2]
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize("host", ["::", "localhost"])
def test_a_port_that_is_taken_at_one_of_several_addresses(host: str) -> None:
    """To serve at the others in silence would be to lose the callers of this one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address(host, taken.getsockname()[1])
        with pytest.raises(OSError, match=re.escape(f"cannot listen on {address}")) as caught:
            bind_tcp(address)
    assert caught.value.errno == errno.EADDRINUSE
    for sock in bind_tcp(address):  # nothing was left bound
        sock.close()


def test_a_port_that_is_taken() -> None:
    """The message names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
            bind_tcp(Address("127.0.0.1", port))


def test_a_socket_left_over_is_replaced_and_one_in_use_is_not(tmp_path: Path) -> None:
    """A file that is no socket is not, either."""
    path = tmp_path / "socket"
    bind_unix(str(path)).close()
    with bind_unix(str(path)) as sock:
        sock.listen()
        with pytest.raises(OSError, match="another process is listening there"):
            bind_unix(str(path))
    plain = tmp_path / "plain"
    plain.write_text("precious")
    with pytest.raises(OSError, match="that file is not a socket"):
        bind_unix(str(plain))
    assert plain.read_text() == "precious"
