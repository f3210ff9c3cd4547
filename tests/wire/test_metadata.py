"""Metadata: what it takes, keeps, and says of itself."""

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.wire import EMPTY_METADATA, KnownFields, Metadata
from prism.wire.grpc import metadata as module
from prism.wire.grpc.metadata import decode_binary, encode_binary


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


def test_known_fields_are_encoded_like_any_other() -> None:
    """Each of a thousand values of one key is sent as it is, and a bad one is refused every time."""
    known = KnownFields()
    encoded = {Metadata([("x-request-id", str(number))], known).encoded() for number in range(1000)}
    assert len(encoded) == 1000
    assert encoded == {Metadata([("x-request-id", str(number))]).encoded() for number in range(1000)}
    for _ in range(2):
        with pytest.raises(ValueError, match="printable ASCII"):
            Metadata([("x-request-id", "two\nlines")], known)


def test_known_fields_are_bounded() -> None:
    """Whatever keys and values there are, and where credentials change all the while."""
    known = KnownFields()
    for number in range(5000):
        Metadata([("authorization", f"Bearer {number}"), (f"key-{number % 50}", str(number))], known)
        assert len(known) <= 1024
    Metadata([("long", "x" * 1000)], known)
    assert "long" not in {key for key, _ in known}


def test_what_is_known_is_its_owners_alone() -> None:
    """The module keeps nothing of a credential, whether there is an owner or not."""
    known = KnownFields()
    pairs = [("authorization", "Bearer of-this-test-alone")]
    assert Metadata(pairs).encoded() == Metadata(pairs, known).encoded()
    assert list(known) == pairs
    kept = [each for each in vars(module).values() if isinstance(each, dict)]
    assert not any(pairs[0] in each for each in kept)


def test_it_is_extended_by_what_is_checked() -> None:
    """The longer one is as if made at once, and the shorter one stays as it is."""
    metadata = Metadata.from_wire((("a", "1"),))
    longer = metadata.extended([("b-bin", b"\x00"), ("a", "2")])
    whole = Metadata([("a", "1"), ("b-bin", b"\x00"), ("a", "2")])
    assert (longer, longer.encoded(), longer.get_all("a")) == (whole, whole.encoded(), ("1", "2"))
    assert metadata == Metadata([("a", "1")])
    with pytest.raises(ValueError, match="belongs to the transport"):
        metadata.extended([("grpc-timeout", "1S")])
