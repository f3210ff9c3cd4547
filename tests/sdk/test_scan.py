"""Ranges, pages and the paging of scans, against a plain sorted list."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.errors import InvalidArgument
from prism.interfaces.keyvalue import (
    MAX_PAGE_BYTES,
    Context,
    ListRecordsRequest,
    ScanRequest,
    ScanStreamRequest,
    ScanStreamResponse,
)
from prism.sdk.scan import Page, Range, Row, Selection, list_records, page, scan, scan_stream

HERE = Context("here")
SHORT = st.binary(max_size=3).map(lambda key: key.translate(bytes([0, 97, 255] * 85 + [0])))
"""Keys of few octets, the edges of their order among them, so that prefixes meet."""


def row(id_: bytes, key: bytes, value: bytes | None = b"v") -> Row:
    return (id_, key, value, b"", 1, None)


class Rows:
    """A store that is a list of (id, key), sorted; it counts its pages."""

    def __init__(self, *rows: tuple[bytes, bytes]) -> None:
        self.rows = sorted(rows)
        self.pages = 0

    async def read(self, selection: Selection, _context: Context) -> Page:
        self.pages += 1
        after, reverse = selection.after, selection.reverse
        chosen = [
            row(*each)
            for each in (reversed(self.rows) if reverse else self.rows)
            if (not selection.id or each[0] == selection.id)
            and each[1] in selection.keys
            and (after is None or (each < after if reverse else each > after))
        ]
        return page(chosen, selection.limit)

    async def ids(self, within: Range, reverse: bool, limit: int, _context: Context) -> Sequence[bytes]:
        return sorted({id_ for id_, _ in self.rows if id_ in within}, reverse=reverse)[:limit]


@given(prefix=SHORT, start=SHORT, end=SHORT, key=SHORT)
def test_a_range_is_what_its_bounds_say(prefix: bytes, start: bytes, end: bytes, key: bytes) -> None:
    """A key is inside where it has the prefix and lies from start to before end."""
    expected = key.startswith(prefix) and start <= key and (not end or key < end)
    assert (key in Range.of(prefix, start, end)) == expected


@given(prefix=SHORT, position=SHORT, key=SHORT, reverse=st.booleans())
def test_beyond_a_position(prefix: bytes, position: bytes, key: bytes, reverse: bool) -> None:
    """What comes after a position is what was inside and lies on the far side of it, without it."""
    whole = Range.of(prefix)
    expected = key in whole and (key < position if reverse else key > position)
    assert (key in whole.beyond(position, reverse=reverse)) == expected


def test_a_page_ends_at_its_limit() -> None:
    """Exactly as many rows as the limit are the last page; one more is not."""
    rows = [row(b"r", b"%d" % number) for number in range(4)]
    assert len(page(rows, 3).items) == 3
    assert page(rows, 3).more
    assert not page(rows, 4).more


def test_a_page_ends_at_its_bytes() -> None:
    """A page is never larger than allowed, but always has an item, and takes no more rows than it must."""
    half = bytes(MAX_PAGE_BYTES // 2)
    rows = iter([row(b"r", b"%d" % number, half) for number in range(4)])
    first = page(rows, 100)
    assert (len(first.items), first.more) == (1, True)
    assert len(list(rows)) == 2
    alone = page([row(b"r", b"k", bytes(MAX_PAGE_BYTES * 2))], 100)
    assert (len(alone.items), alone.more) == (1, False)


@given(keys=st.sets(SHORT.filter(bool), max_size=12), reverse=st.booleans(), limit=st.integers(1, 5), prefix=SHORT)
async def test_pages_of_a_scan_are_the_whole(keys: set[bytes], reverse: bool, limit: int, prefix: bytes) -> None:
    """Paging gives every item once, in order, no page but the last without a cursor and none too long."""
    store = Rows(*((b"r", key) for key in keys), (b"q", b"a"), (b"s", b"a"))
    seen: list[bytes] = []
    cursor = b""
    while True:
        request = ScanRequest(id="r", prefix=prefix, reverse=reverse, limit=limit, cursor=cursor)
        answer = await scan(request, HERE, store.read)
        assert len(answer.items) <= limit
        seen += [each.key for each in answer.items]
        cursor = answer.next_cursor
        if not cursor:
            break
    assert seen == sorted((key for key in keys if key.startswith(prefix)), reverse=reverse)


async def test_a_scan_survives_the_row_of_its_cursor() -> None:
    """Deleting the last row given, and adding before it, neither skips nor repeats another."""
    store = Rows((b"r", b"a"), (b"r", b"b"), (b"r", b"c"))
    first = await scan(ScanRequest(id="r", limit=2), HERE, store.read)
    store.rows = [(b"r", b"0"), (b"r", b"c")]
    rest = await scan(ScanRequest(id="r", limit=2, cursor=first.next_cursor), HERE, store.read)
    assert [each.key for each in rest.items] == [b"c"]


async def streamed(request: ScanStreamRequest, store: Rows) -> list[ScanStreamResponse]:
    return [answer async for answer in scan_stream(request, HERE, store.read)]


@given(
    rows=st.sets(st.tuples(st.sampled_from([b"a", b"b", b"\xc3\xbc"]), SHORT.filter(bool)), max_size=12),
    reverse=st.booleans(),
    step=st.integers(1, 4),
)
async def test_a_resumed_stream_is_the_whole(rows: set[tuple[bytes, bytes]], reverse: bool, step: int) -> None:
    """A namespace streamed in pieces, each resumed by the cursor before, is every item once in (id, key) order."""
    store = Rows(*rows)
    seen: list[tuple[bytes, bytes]] = []
    cursor = b""
    while True:
        answers = await streamed(ScanStreamRequest(reverse=reverse, limit=step, cursor=cursor), store)
        if not answers:
            break
        assert sum(len(answer.items) for answer in answers) <= step
        seen += [(answer.id.encode(), each.key) for answer in answers for each in answer.items]
        cursor = answers[-1].cursor
    assert seen == sorted(rows, reverse=reverse)


async def test_a_stream_reads_a_page_when_it_is_wanted() -> None:
    """The second page is not read before the first has been taken."""
    store = Rows(*((b"r", b"%04d" % number) for number in range(1500)))
    stream = scan_stream(ScanStreamRequest(id="r"), HERE, store.read)
    first = await anext(stream)
    assert (len(first.items), store.pages) == (1000, 1)
    second = await anext(stream)
    assert (len(second.items), store.pages) == (500, 2)
    assert [answer async for answer in stream] == []


async def test_a_response_holds_one_record() -> None:
    """Items of different records come in different responses, each with a cursor behind it."""
    store = Rows((b"a", b"1"), (b"a", b"2"), (b"b", b"1"))
    answers = await streamed(ScanStreamRequest(), store)
    assert [(answer.id, len(answer.items)) for answer in answers] == [("a", 2), ("b", 1)]
    (rest,) = await streamed(ScanStreamRequest(cursor=answers[0].cursor), store)
    assert rest.id == "b"


async def test_pages_of_records() -> None:
    """Ids come once each, in byte order, page by page, within prefix and start."""
    store = Rows(*((id_, key) for id_ in (b"a", b"ab", b"ac", b"b") for key in (b"1", b"2")))
    first = await list_records(ListRecordsRequest(prefix="a", start="ab", limit=1), HERE, store.ids)
    assert list(first.ids) == ["ab"]
    request = ListRecordsRequest(prefix="a", start="ab", limit=1, cursor=first.next_cursor)
    last = await list_records(request, HERE, store.ids)
    assert (list(last.ids), last.next_cursor) == (["ac"], b"")
    backwards = await list_records(ListRecordsRequest(reverse=True), HERE, store.ids)
    assert list(backwards.ids) == ["b", "ac", "ab", "a"]


async def test_a_cursor_of_another_scan_is_refused() -> None:
    """A page's cursor is good for its own request only."""
    store = Rows((b"r", b"a"), (b"r", b"b"))
    cursor = (await scan(ScanRequest(id="r", limit=1), HERE, store.read)).next_cursor
    with pytest.raises(InvalidArgument):
        await scan(ScanRequest(id="r", limit=1, cursor=cursor), Context("there"), store.read)
    with pytest.raises(InvalidArgument):
        await streamed(ScanStreamRequest(id="r", cursor=cursor), store)
