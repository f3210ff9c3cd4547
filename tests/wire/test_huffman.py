"""Huffman-coded strings: every symbol, the rules of padding, agreement with the `hpack` library."""

import pytest
from hpack.exceptions import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from prism.wire.hpack import huffman

encode = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode


@pytest.mark.parametrize("symbol", range(256))
def test_every_symbol(symbol: int) -> None:
    """Each octet, at each offset within a coded octet, is decoded."""
    for before in range(9):
        text = b"0" * before + bytes((symbol,))
        assert huffman.decode(encode(text)) == text


@pytest.mark.parametrize(
    "coded",
    [
        pytest.param(b"\x1e", id="padding of a zero"),
        pytest.param(b"\x07\xfe", id="padding that ends in a zero"),
        pytest.param(b"\xff", id="eight bits of padding"),
        pytest.param(b"\x1f\xff", id="eleven bits of padding"),
        pytest.param(b"\xff\xff\xff\xff", id="end of string, then padding"),
        pytest.param(b"\xff\xff\xff\xfc\x1f", id="end of string, then text"),
        pytest.param(b"\xff\xff\xff", id="a code cut short"),
    ],
)
def test_refused(coded: bytes) -> None:
    """What no encoder may produce (RFC 7541, section 5.2) is refused."""
    with pytest.raises(ValueError, match="Huffman"):
        huffman.decode(coded)


def test_nothing() -> None:
    """No octets are the empty string."""
    assert huffman.decode(b"") == b""


@given(st.binary(max_size=200))
def test_round_trip(text: bytes) -> None:
    """Any octets that the library encodes come back."""
    assert huffman.decode(encode(text)) == text


@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda tail: b"\xff" * 3 + tail))
def test_agrees_on_any_octets(coded: bytes) -> None:
    """Whatever the octets, we and the library read the same text from them, or both refuse."""
    try:
        expected = decode_huffman(coded)
    except HPACKDecodingError:
        with pytest.raises(ValueError, match="Huffman"):
            huffman.decode(coded)
    else:
        assert huffman.decode(coded) == expected
