"""The handshake line: what is accepted, and what is said of the rest."""

from pathlib import Path

import pytest

from prism.plugins.sidecar.handshake import Handshake, NoHandshake, environment, parse


@pytest.mark.parametrize(
    "line",
    [b"1|1|unix|/run/p.sock|grpc\n", b"1|1|unix|/run/p.sock|grpc|\r\n", b"1|1|unix|/run/p.sock|grpc||true\n"],
)
def test_a_handshake(line: bytes) -> None:
    """As go-plugin has written it through its versions: without a certificate, with an empty one, with multiplexing."""
    assert parse(line) == Handshake(1, Path("/run/p.sock"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"Hello world\n", "the plugin printed 'Hello world'"),
        (b"\n", "the plugin printed ''"),
        (b"\xff\x00\n", "the plugin printed"),
        (b"x" * 500, "xxx...'"),
        (b"1|1\n", "the plugin printed '1|1'"),
        (b"2|1|unix|/p|grpc\n", "version 2 of go-plugin's core protocol"),
        (b"1|7|unix|/p|grpc\n", "version 7 of the plugin protocol and the gateway version 1"),
        (b"1|1|unix|/p\n", "'net/rpc', not grpc"),
        (b"1|1|unix|/p|netrpc\n", "'netrpc', not grpc"),
        (b"1|1|tcp|127.0.0.1:1|grpc\n", "listens on tcp at 127.0.0.1:1"),
        (b"1|1|unix|/p|grpc|MIIB\n", "AutoMTLS"),
    ],
)
def test_what_is_no_handshake_is_said(line: bytes, said: str) -> None:
    """With what was printed instead."""
    with pytest.raises(NoHandshake) as caught:
        parse(line)
    assert said in str(caught.value)


def test_the_environment_asks_for_it() -> None:
    """The cookie, the versions and the folder, by go-plugin's names."""
    asked = environment(Path("/run/x"))
    assert (asked["PLUGIN_PROTOCOL_VERSIONS"], asked["PLUGIN_UNIX_SOCKET_DIR"]) == ("1", "/run/x")
    assert asked["PRISM_PLUGIN_MAGIC_COOKIE"] == "5c4f6b1e-9a77-4a3e-8f0d-prism-plugin"
