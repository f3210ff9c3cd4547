"""Cursors: what they carry, and what is refused."""

import struct
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import Context, ListRecordsRequest, ScanRequest, ScanStreamRequest
from prism.sdk import Query

HERE = Context("here")
QUERY = Query(ScanRequest(id="r", prefix=b"p"), HERE)


@given(st.lists(st.binary(max_size=1100), min_size=1, max_size=3))
def test_a_position_comes_back(position: list[bytes]) -> None:
    """Whatever bytes a position is made of, its cursor gives them back."""
    assert QUERY.position(QUERY.cursor(*position), parts=len(position)) == position


def test_no_cursor_is_the_beginning() -> None:
    """An empty cursor has no position."""
    assert QUERY.position(b"", parts=2) == []


def test_a_cursor_outlives_the_process() -> None:
    """The same query, asked anew with another limit and with the cursor in it, understands it."""
    cursor = QUERY.cursor(b"k")
    again = Query(ScanRequest(id="r", prefix=b"p", limit=7, cursor=cursor), Context("here"))
    assert again.position(cursor, parts=1) == [b"k"]


@pytest.mark.parametrize(
    "other",
    [
        Query(ScanRequest(id="s", prefix=b"p"), HERE),
        Query(ScanRequest(id="r", prefix=b"q"), HERE),
        Query(ScanRequest(id="r", prefix=b"p", reverse=True), HERE),
        Query(ScanRequest(id="r", prefix=b"p"), Context("there")),
        Query(ScanStreamRequest(id="r", prefix=b"p"), HERE),
        Query(ListRecordsRequest(), HERE),
    ],
)
def test_a_foreign_cursor_is_refused(other: Query) -> None:
    """A cursor of another record, range, direction, namespace or operation is an invalid argument, named `cursor`."""
    with pytest.raises(InvalidArgument) as refusal:
        other.position(QUERY.cursor(b"k"), parts=1)
    assert [violation.field for violation in refusal.value.violations] == ["cursor"]


@given(st.binary(min_size=1, max_size=40))
def test_an_invented_cursor_is_refused(cursor: bytes) -> None:
    """Bytes that no query made are an invalid argument, never anything else."""
    with pytest.raises(InvalidArgument):
        QUERY.position(cursor, parts=1)


def test_every_octet_counts() -> None:
    """A cursor with one bit changed is refused, wherever it is."""
    cursor = QUERY.cursor(b"key", b"other")
    for place in range(len(cursor)):
        changed = cursor[:place] + bytes([cursor[place] ^ 1]) + cursor[place + 1 :]
        with pytest.raises(InvalidArgument):
            QUERY.position(changed, parts=2)


@pytest.mark.parametrize("packed", [b"\0", b"\0\x05abc", b"\0\x01a", b"\0\x01a\0\x01b\0\x01c", b"\xff\xff"])
def test_a_well_sealed_forgery_is_refused(packed: bytes) -> None:
    """The seal is no secret; a forger who makes it still gets an invalid argument for parts that cannot be."""
    digest = blake2b(QUERY._scope, digest_size=8, person=b"prism-cursor")
    digest.update(struct.pack(">H", len(packed)) + packed)
    with pytest.raises(InvalidArgument):
        QUERY.position(b"\x01" + digest.digest() + packed, parts=2)
