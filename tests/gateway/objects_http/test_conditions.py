"""Conditional requests and ranges: RFC 9110, sections 13 and 14."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gateway.objects_http.site import OBJECTS, Site, reply

BODY = b"0123456789"
PAST = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
FUTURE = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)


@pytest.fixture
async def etag(site: Site) -> str:
    """Of an object of ten bytes under `k`, in quotes."""
    return (await site.put("k", BODY)).headers["etag"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": "{}"}, 200),
        ({"if_match": '"x", {}'}, 200),
        ({"if_match": '"x" , , {} ,"y"'}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": '"x"'}, 412),
        ({"if_match": "W/{}"}, 412),
        ({"if_match": "x"}, 400),
        ({"if_match": '"x" "y"'}, 400),
        ({"if_none_match": "{}"}, 304),
        ({"if_none_match": "W/{}"}, 304),
        ({"if_none_match": '"x", {}'}, 304),
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"x"'}, 200),
        ({"if_none_match": '"x"', "if_modified_since": FUTURE}, 200),
        ({"if_modified_since": FUTURE}, 304),
        ({"if_modified_since": PAST}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_unmodified_since": FUTURE}, 200),
        ({"if_unmodified_since": PAST}, 412),
        ({"if_unmodified_since": PAST, "if_match": "{}"}, 200),
        ({"if_unmodified_since": PAST, "if_none_match": "{}"}, 412),
        ({"if_match": '"x"', "if_none_match": "{}"}, 412),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_conditions_of_reads(site: Site, etag: str, headers: dict[str, str], status: int, method: str) -> None:
    """In the order of section 13.2.2; 304 says what the caller has."""
    named = {name: value.format(etag) if "{}" in value else value for name, value in headers.items()}
    answer = await site.ask(method, f"{OBJECTS}/k", **named)
    assert answer.status == status
    if status == 304:
        assert answer.headers["etag"] == etag
        assert "last-modified" in answer.headers
        assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": "{}"}, 200),
        ({"if_match": '"x", {}'}, 200),
        ({"if_match": '"x"'}, 412),
        ({"if_match": "W/{}"}, 412),
        ({"if_match": "*"}, 200),
        ({"if_none_match": "*"}, 412),
        ({"if_none_match": "{}"}, 400),
        ({"if_unmodified_since": PAST}, 412),
        ({"if_unmodified_since": FUTURE}, 200),
    ],
)
@pytest.mark.parametrize("expect", [False, True])
async def test_conditions_of_puts(site: Site, etag: str, headers: dict[str, str], status: int, expect: bool) -> None:
    """One that does not hold leaves the object as it was; a client that waits for 100 need not send a byte."""
    named = {name: value.format(etag) if "{}" in value else value for name, value in headers.items()}
    if expect:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
        async with site.connection() as (reader, writer):
            head = f"PUT {OBJECTS}/k HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n{lines}\r\n"
            writer.write(head.encode())
            first = await reader.readuntil(b"\r\n\r\n")
            got = int(first.split()[1])
            assert got == (100 if status == 200 else status)
            if got == 100:
                writer.write(b"new")
                assert (await reply(reader)).status == status
            else:
                assert b"connection: close" in first.lower()
    else:
        assert (await site.ask("PUT", f"{OBJECTS}/k", b"new", **named)).status == status
    assert (await site.ask("GET", f"{OBJECTS}/k")).body == (b"new" if status == 200 else BODY)


async def test_conditions_on_nothing(site: Site) -> None:
    """`If-None-Match: *` stores where there is nothing; `If-Match` does not, and not by a missing object."""
    assert (await site.ask("PUT", f"{OBJECTS}/new", b"x", if_match="*")).status == 412
    assert (await site.ask("PUT", f"{OBJECTS}/new", b"x", if_match='"x"')).status == 412
    assert (await site.ask("PUT", f"{OBJECTS}/new", b"x", if_none_match="*")).status == 201
    assert (await site.ask("DELETE", f"{OBJECTS}/none", if_match='"x"')).status == 412


async def test_conditions_of_deletes(site: Site, etag: str) -> None:
    """The object that has the etag, and no other."""
    assert (await site.ask("DELETE", f"{OBJECTS}/k", if_match='"x"')).status == 412
    assert (await site.ask("DELETE", f"{OBJECTS}/k", if_none_match="*")).status == 501
    assert (await site.ask("DELETE", f"{OBJECTS}/k", if_unmodified_since=PAST)).status == 412
    assert (await site.ask("DELETE", f"{OBJECTS}/k", if_match=f'"x", {etag}')).status == 204
    assert (await site.ask("GET", f"{OBJECTS}/k")).status == 404


@pytest.mark.parametrize(
    ("sent", "content_range"),
    [
        # Section 14.1.2 and its examples.
        ("bytes=0-4", "0-4"),
        ("bytes=5-9", "5-9"),
        ("bytes=0-0", "0-0"),
        ("bytes=9-", "9-9"),
        ("bytes=-3", "7-9"),
        ("bytes=-1", "9-9"),
        ("bytes=0-", "0-9"),
        ("Bytes=1-2", "1-2"),
        ("bytes= 1-2", "1-2"),
        ("bytes=2-500", "2-9"),
        ("bytes=-500", "0-9"),
        ("bytes=0-99999999999999999999999", "0-9"),
        # Behind the end.
        ("bytes=10-", "*"),
        ("bytes=10-20", "*"),
        ("bytes=-0", "*"),
        ("bytes=99999999999999999999999-", "*"),
        # Malformed, several, or of another unit: the whole.
        ("bytes=4-2", ""),
        ("bytes=-", ""),
        ("bytes=", ""),
        ("bytes=a-b", ""),
        ("bytes=1-2-3", ""),
        ("bytes=--1", ""),
        ("bytes=+1-2", ""),
        ("bytes=0x1-2", ""),
        ("bytes 0-4", ""),
        ("0-4", ""),
        ("lines=0-4", ""),
        ("bytes=0-0,-1", ""),
        ("bytes=0-1,3-4", ""),
        ("bytes=500-600,601-999", ""),
        ("bytes=0-4,", ""),
        ("bytes=" + ",".join(["0-"] * 300), ""),
    ],
)
async def test_ranges(site: Site, etag: str, sent: str, content_range: str) -> None:
    """One range is a part, one behind the end is refused with the size, all else is the whole."""
    answer = await site.ask("GET", f"{OBJECTS}/k", range=sent)
    if content_range == "*":
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */10")
    elif content_range:
        first, last = map(int, content_range.split("-"))
        assert (answer.status, answer.headers["content-range"]) == (206, f"bytes {first}-{last}/10")
        assert answer.body == BODY[first : last + 1]
        assert answer.headers["etag"] == etag
    else:
        assert (answer.status, answer.body) == (200, BODY)
        assert "content-range" not in answer.headers


async def test_ranges_of_nothing(site: Site) -> None:
    """None fits an empty object."""
    await site.put("empty", b"")
    for sent in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        answer = await site.ask("GET", f"{OBJECTS}/empty", range=sent)
        assert (answer.status, answer.headers["content-range"]) == (416, "bytes */0")
    assert (await site.ask("GET", f"{OBJECTS}/empty")).status == 200


@pytest.mark.parametrize(
    ("if_range", "status"),
    [("{}", 206), ('"x"', 200), ("W/{}", 200), (PAST, 200), (FUTURE, 200), ("nonsense", 200)],
    ids=["its own", "another", "a weak one", "a date before", "a date to come", "nonsense"],
)
async def test_if_range(site: Site, etag: str, if_range: str, status: int) -> None:
    """The range counts only where what the caller has is, by a strong ETag, what is there (section 13.1.5)."""
    answer = await site.ask("GET", f"{OBJECTS}/k", range="bytes=1-2", if_range=if_range.format(etag))
    assert (answer.status, answer.body) == (status, b"12" if status == 206 else BODY)


async def test_head_has_no_range(site: Site, etag: str) -> None:
    """Section 14.2: it is defined for GET alone."""
    answer = await site.ask("HEAD", f"{OBJECTS}/k", range="bytes=1-2")
    assert (answer.status, answer.headers["content-length"]) == (200, "10")


async def test_one_of_many_who_create_wins(site: Site) -> None:
    """Racing puts that each want to be the first."""
    answers = await asyncio.gather(
        *(site.ask("PUT", f"{OBJECTS}/race", b"%d" % number, if_none_match="*") for number in range(10))
    )
    assert sorted(answer.status for answer in answers) == [201] + [412] * 9
