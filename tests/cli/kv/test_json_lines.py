"""The format of import and export."""

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.cli.kv.json_lines import BadLine, decode, encode, split
from prism.client import Item

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # as asked
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ITEMS = st.builds(Item, st.binary(), st.binary(), metadata=st.dictionaries(TEXT, TEXT), expires_at=st.none() | INSTANTS)


@given(TEXT, st.lists(ITEMS, min_size=1, unique_by=lambda item: item.key))
def test_what_is_written_is_read(record: str, items: list[Item]) -> None:
    """Whatever a record holds, and in one line."""
    line = encode(record, items)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == (record, items)


def test_plain_text_is_plain() -> None:
    """Text without metadata or expiry is an object of strings."""
    line = encode("a", [Item(b"k", "é".encode()), Item(b"l", b"")])
    assert line.decode() == '{"id": "a", "items": {"k": "é", "l": ""}}\n'


def test_anything_else_is_a_list_of_objects() -> None:
    """Of all the record's items, each with what it has."""
    items = [Item(b"k", b"\xff"), Item(b"l", b"x", {"b": "2", "a": "1"}, expires_at=datetime(2030, 1, 1, tzinfo=UTC))]
    assert encode("a", items).decode() == (
        '{"id": "a", "items": [{"key": "k", "value": {"base64": "/w=="}}, '
        '{"key": "l", "value": "x", "metadata": {"a": "1", "b": "2"}, "expires_at": "2030-01-01T00:00:00.000000Z"}]}\n'
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "too deeply"),
        (b"[]", "not a record"),
        (b'{"id": "a"}', "not a record"),
        (b'{"id": "a", "items": {"k": "v"}, "ttl": 1}', "not a record"),
        (b'{"id": 1, "items": {"k": "v"}}', "id: give a string"),
        (b'{"id": "\\ud800", "items": {"k": "v"}}', "id: half a surrogate"),
        (b'{"id": "a", "items": {}}', "at least one item"),
        (b'{"id": "a", "items": "k"}', "give an object"),
        (b'{"id": "a", "items": {"k": 1}}', "items.k: give a string"),
        (b'{"id": "a", "items": {"k": "v", "k": "w"}}', "'k' is there twice"),
        (b'{"id": "a", "items": {"k": {"base64": "*"}}}', "not base64"),
        (b'{"id": "a", "items": {"k": {"base64": "\xc3\xa9"}}}', "not base64"),
        (b'{"id": "a", "items": [{"key": "k"}]}', "items[0]: give key and value"),
        (b'{"id": "a", "items": [{"key": "k", "value": "v", "ttl": 1}]}', "items[0]: give key and value"),
        (b'{"id": "a", "items": [{"key": "k", "value": "v", "metadata": {"a": 1}}]}', "items[0].metadata"),
        (b'{"id": "a", "items": [{"key": "k", "value": "v", "expires_at": "soon"}]}', "items[0].expires_at"),
        (b'{"id": "a", "items": [{"key": "k", "value": "v", "expires_at": 5}]}', "items[0].expires_at"),
        (b'{"id": "a", "items": [{"key": "k", "value": "v", "expires_at": "2030-01-01"}]}', "append Z"),
        (b'{"id": "a", "items": [{"key": "k", "value": "v"}, {"key": "k", "value": "w"}]}', "the same key twice"),
        (b'{"id": "a", "items": {"k": %s}}' % (b"9" * 5000), "items.k: give a string"),
        (b'{"id": -%s, "items": {"k": "v"}}' % (b"9" * 5000), "id: give a string"),
        (
            b'{"id": "a", "items": [{"key": "k", "value": "v", "expires_at": %s}]}' % (b"9" * 5000),
            "items[0].expires_at",
        ),
        (
            b'{"id": "a", "items": [{"key": "k", "value": "v", "expires_at": "0001-01-01T00:00:00+23:00"}]}',
            "items[0].expires_at",
        ),
        (
            b'{"id": "a", "items": [{"key": "k", "value": "v", "expires_at": "9999-12-31T23:00:00-23:00"}]}',
            "items[0].expires_at",
        ),
    ],
    ids=lambda given: repr(given[:40]),
)
def test_a_wrong_line_says_what_is_wrong(line: bytes, why: str) -> None:
    """And where in it."""
    with pytest.raises(BadLine) as caught:
        decode(line)
    assert why in str(caught.value)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.datetimes(timezones=st.timezones()).map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "value", "metadata", "expires_at", "base64"]) | st.text(), inner, max_size=4
        )
    ),
)


@given(ANYTHING, ANYTHING)
def test_no_line_ends_an_import(record: object, items: object) -> None:
    """Whatever JSON it holds, and whatever stands in a record's place, the error is the line's own."""
    for line in (json.dumps(record), json.dumps({"id": "a", "items": items}), json.dumps({"id": record, "items": {}})):
        with contextlib.suppress(BadLine):
            decode(line.encode())


def test_items_are_split_by_number_and_size() -> None:
    """Every part fits, or holds one item alone; nothing is lost or moved."""
    items = [Item(b"%d" % number, b"x" * (500 if number == 3 else 10)) for number in range(7)]
    parts = split(items, most_items=3, most_bytes=200)
    assert [item for part in parts for item in part] == items
    assert [len(part) for part in parts] == [3, 1, 3]
