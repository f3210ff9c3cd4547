"""HPACK for the fields that Prism sends: exact octets, and whether they can be read back."""

import pytest

from prism.wire.hpack.decoder import Decoder
from prism.wire.hpack.encoder import encode, encode_literal, encode_never_indexed


def test_response_heads_are_constant_bytes() -> None:
    """The head of every response is exactly these octets: any other form slows down every peer."""
    head = [(b":status", b"200"), (b"content-type", b"application/grpc")]
    assert encode(head) == b"\x88\x0f\x10\x10application/grpc"
    assert encode_literal(b"content-type", b"application/grpc") == b"\x0f\x10\x10application/grpc"
    assert encode_literal(b"grpc-status", b"0") == b"\x00\x0bgrpc-status\x010"


def test_secrets_are_never_indexed() -> None:
    """A secret travels as a literal that intermediaries must not index, its name still an index."""
    assert encode_never_indexed(b"authorization", b"Bearer x") == b"\x1f\x08\x08Bearer x"
    assert encode_never_indexed(b"x-key", b"s") == b"\x10\x05x-key\x01s"


@pytest.mark.parametrize("length", [0, 126, 127, 128, 254, 255, 16383, 16384])
def test_lengths(length: int) -> None:
    """Strings around every step of the integer's form come back."""
    fields = ((b"n" * max(length, 1), b"v"), (b"n", b"v" * length))
    assert Decoder(max_list_size=1 << 20).decode(encode(fields)) == fields
