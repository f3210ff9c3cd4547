"""Metadata: what it takes, keeps, and says of itself."""

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.wire import EMPTY_METADATA, Metadata
from prism.wire.metadata import decode_binary, encode_binary


def test_it_is_a_multimap_that_keeps_its_order() -> None:
    """First value, all values, pairs."""
    metadata = Metadata([("a", "1"), ("b-bin", b"\x00"), ("a", "2")])
    assert (metadata.get("a"), metadata.get("b-bin"), metadata.get("c"), metadata.get("c", "d")) == (
        "1",
        b"\x00",
        None,
        "d",
    )
    assert metadata.get_all("a") == ("1", "2")
    assert list(metadata) == [("a", "1"), ("b-bin", b"\x00"), ("a", "2")]
    assert (len(metadata), "a" in metadata, "c" in metadata) == (3, True, False)
    assert metadata == Metadata(metadata)
    assert metadata != EMPTY_METADATA
    assert not EMPTY_METADATA


@pytest.mark.parametrize(
    ("key", "value", "advice"),
    [
        ("Upper", "x", "lower-case"),
        ("", "x", "lower-case"),
        ("grpc-timeout", "1S", "belongs to the transport"),
        ("content-type", "x", "belongs to the transport"),
        ("a-bin", "text", "takes bytes"),
        ("a", b"bytes", "takes text"),
        ("a", "line\nbreak", "printable ASCII"),
        ("a", "\u00fc", "printable ASCII"),
        ("a", " x", "printable ASCII"),
    ],
)
def test_what_cannot_travel_is_refused(key: str, value: str | bytes, advice: str) -> None:
    """With what to do about it."""
    with pytest.raises(ValueError, match=advice):
        Metadata([(key, value)])


def test_values_are_not_shown() -> None:
    """They may be secrets."""
    assert "secret" not in repr(Metadata([("authorization", "secret")]))


def test_it_travels_without_the_peers_table() -> None:
    """A credential as never indexed, all others as literals."""
    metadata = Metadata([("authorization", "Bearer x"), ("a", "1"), ("b-bin", b"\x00\xff")])
    decoder = hpack.Decoder()
    fields = decoder.decode(metadata.encoded(), raw=True)
    assert [tuple(field) for field in fields] == [(b"authorization", b"Bearer x"), (b"a", b"1"), (b"b-bin", b"AP8")]
    assert isinstance(fields[0], hpack.NeverIndexedHeaderTuple)
    assert not decoder.header_table.dynamic_entries


@given(st.binary())
def test_binary_values_survive(value: bytes) -> None:
    """Without padding, and with it."""
    encoded = encode_binary(value)
    assert decode_binary(encoded) == [value]
    assert decode_binary(encoded + b"=" * (-len(encoded) % 4)) == [value]


def test_joined_binary_values_are_several() -> None:
    """As proxies may join them."""
    assert decode_binary(b"AA==,AQ") == [b"\x00", b"\x01"]
    with pytest.raises(ValueError, match="base64"):
        decode_binary(b"!")


def test_values_that_never_come_again_are_encoded_like_any_other() -> None:
    """Each of a thousand values of one key is sent as it is, and a bad one is refused every time."""
    encoded = {Metadata([("x-request-id", str(number))]).encoded() for number in range(1000)}
    assert len(encoded) == 1000
    assert Metadata([("x-request-id", "999")]).encoded() == Metadata.from_wire((("x-request-id", "999"),)).encoded()
    for _ in range(2):
        with pytest.raises(ValueError, match="printable ASCII"):
            Metadata([("x-request-id", "two\nlines")])
