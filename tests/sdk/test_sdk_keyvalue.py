"""Rows to messages and back, and the decisions that every KeyValue backend takes alike."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty

from prism.errors import AlreadyExists, InvalidArgument, Outcome
from prism.interfaces.keyvalue import CompareAndSwapRequest, Item, PutItem, PutRequest
from prism.sdk.keyvalue import (
    check_put,
    check_same,
    expiry,
    fingerprint,
    is_expected,
    item,
    microseconds,
    pack_metadata,
    pack_version,
    replacement,
)


def test_an_item_comes_back_whole() -> None:
    """Key, value, metadata, version and expiry survive the way through a row."""
    written = PutItem(key=b"\0k\xff", value=b"\0v", metadata={"encoding": "gzip", "note": "ü"})
    message = item(written.key, written.value, pack_metadata(written), 7, 1_700_000_000_123_456)
    assert (message.key, message.value, dict(message.metadata)) == (b"\0k\xff", b"\0v", dict(written.metadata))
    assert message.version == pack_version(7)
    assert message.expires_at.ToMicroseconds() == 1_700_000_000_123_456


def test_an_item_without_anything() -> None:
    """No metadata is no bytes, no expiry is an unset field, and keys only leave the value out."""
    assert pack_metadata(PutItem(key=b"k")) == b""
    message = item(b"k", None, None, 1, None)
    assert not message.HasField("expires_at")
    assert message == Item(key=b"k", version=pack_version(1))


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        (Duration(seconds=3), 3_000_000),
        (Duration(nanos=1000), 1),
        (Duration(seconds=1, nanos=999_999_999), 1_999_999),
    ],
)
def test_a_time_to_live_in_microseconds(ttl: Duration, expected: int) -> None:
    """Whole microseconds; an item written with it expires that long after now."""
    assert microseconds(ttl) == expected
    assert expiry(PutItem(key=b"k", ttl=ttl), 10) == 10 + expected


def test_no_time_to_live_never_expires() -> None:
    """Absent is not zero."""
    assert expiry(PutItem(key=b"k"), 10) is None


def test_keep_ttl_and_a_ttl_contradict_each_other() -> None:
    """Every item at fault is named."""
    items = [PutItem(key=b"a", ttl=Duration(seconds=1)), PutItem(key=b"b"), PutItem(key=b"c", ttl=Duration(seconds=1))]
    check_put(PutRequest(id="r", items=items))
    check_put(PutRequest(id="r", items=items[1:2], keep_ttl=True))
    with pytest.raises(InvalidArgument) as refusal:
        check_put(PutRequest(id="r", items=items, keep_ttl=True))
    assert [violation.field for violation in refusal.value.violations] == ["items[0].ttl", "items[2].ttl"]


def test_the_same_put_is_known_again() -> None:
    """The order in which metadata was given makes no difference; a value does."""
    one = PutRequest(id="r", items=[PutItem(key=b"k", metadata={"a": "1", "b": "2"})], idempotency_key="once")
    same = PutRequest(id="r", items=[PutItem(key=b"k", metadata={"b": "2", "a": "1"})], idempotency_key="once")
    other = PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")], idempotency_key="once")
    check_same(same, fingerprint(one))
    with pytest.raises(AlreadyExists, match="'once' was used in the last 24 hours") as refusal:
        check_same(other, fingerprint(one))
    assert refusal.value.outcome is Outcome.NOT_APPLIED


CURRENT = Item(key=b"k", value=b"v", version=b"1")


@pytest.mark.parametrize(
    ("expected", "of_current", "of_nothing"),
    [
        (CompareAndSwapRequest(expected_absent=Empty()), False, True),
        (CompareAndSwapRequest(expected_value=b"v"), True, False),
        (CompareAndSwapRequest(expected_value=b"w"), False, False),
        (CompareAndSwapRequest(expected_value=b""), False, False),
        (CompareAndSwapRequest(expected_version=b"1"), True, False),
        (CompareAndSwapRequest(expected_version=b"2"), False, False),
        (CompareAndSwapRequest(expected_version=b""), False, False),
    ],
)
def test_what_a_swap_expects(expected: CompareAndSwapRequest, of_current: bool, of_nothing: bool) -> None:
    """By value, version or absence; an empty value is a value, and nothing is not an empty value."""
    assert is_expected(expected, CURRENT) is of_current
    assert is_expected(expected, None) is of_nothing


def test_an_empty_value_is_expected_as_one() -> None:
    """An item with an empty value equals an expected empty value."""
    assert is_expected(CompareAndSwapRequest(expected_value=b""), Item(key=b"k"))


def test_what_a_swap_writes() -> None:
    """The new item as a put would write it, an empty value included; nothing for a delete."""
    request = CompareAndSwapRequest(key=b"k", new_value=b"", ttl=Duration(seconds=1), metadata={"a": "1"})
    assert replacement(request) == PutItem(key=b"k", ttl=Duration(seconds=1), metadata={"a": "1"})
    plain = replacement(CompareAndSwapRequest(key=b"k", new_value=b"v"))
    assert plain is not None
    assert not plain.HasField("ttl")
    assert replacement(CompareAndSwapRequest(key=b"k", delete=Empty())) is None
