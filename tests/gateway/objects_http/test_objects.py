"""Objects over plain HTTP: methods, statuses, what is said of objects, listings, and parts."""

import asyncio
import base64
import hashlib
from email.utils import parsedate_to_datetime

import pytest

from gateway.objects_http.site import OBJECTS, Site, reply
from prism.client import Client

SAFE = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'"}


def digest(body: bytes) -> str:
    """As `Repr-Digest` has it."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def test_an_object_comes_back_as_it_was_put(site: Site) -> None:
    """With its type, its encoding and its notes; 201 the first time, 200 in place of another."""
    said = {
        "content_type": "text/plain; charset=utf-8",
        "content_encoding": "gzip",
        "cache_control": "max-age=60",
        "prism_meta_owner": "me",
        "prism_meta_odd": "%20sp%C3%A4t%0A%25%20",
    }
    first = await site.put("a/b.txt", b"hello", **said)
    assert first.status == 201
    assert first.json == {"key": "a/b.txt", "etag": first.json["etag"], "size": 5} | (
        {"version": first.json["version"]} if "version" in first.json else {}
    )
    got = await site.ask("GET", f"{OBJECTS}/a/b.txt")
    assert (got.status, got.body) == (200, b"hello")
    assert got.headers["etag"] == first.headers["etag"] == f'"{first.json["etag"]}"'
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["content-length"] == "5"
    assert parsedate_to_datetime(got.headers["last-modified"])
    assert {name.replace("-", "_"): got.headers[name.replace("_", "-")] for name in said} == said
    async with Client(site.address) as prism:
        info = await prism.objects().head("a/b.txt")
        assert info is not None
        assert info.metadata == {"owner": "me", "odd": " sp\u00e4t\n% "}
    assert (await site.put("a/b.txt", b"other")).status == 200
    head = await site.ask("HEAD", f"{OBJECTS}/a/b.txt")
    assert (head.status, head.headers["content-length"], head.body) == (200, "5", b"")
    assert "prism-meta-owner" not in head.headers


@pytest.mark.parametrize("body", [b"", b"x" * 1_000_000], ids=["empty", "large"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_of_any_framing(site: Site, body: bytes, chunked: bool) -> None:
    """A length, or chunks; none at all is an empty object."""
    if chunked:
        pieces = [body[at : at + 300_000] for at in range(0, len(body), 300_000)]
        sent = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        answer = await site.ask("PUT", f"{OBJECTS}/k", sent, transfer_encoding="chunked")
    else:
        answer = await site.ask("PUT", f"{OBJECTS}/k", body or None)
    assert (answer.status, answer.json["size"]) == (201, len(body))
    assert (await site.ask("GET", f"{OBJECTS}/k")).body == body


async def test_every_answer_is_safe(site: Site) -> None:
    """Browsers take an answer for nothing but what it says, whatever it is."""
    await site.put("k")
    asked = [("GET", "k", 200), ("HEAD", "k", 200), ("GET", "none", 404), ("GET", "", 200), ("DELETE", "k", 204)]
    asked += [("POST", "k", 405), ("OPTIONS", "k", 204), ("GET", "%FF", 400)]
    for method, key, status in asked:
        answer = await site.ask(method, f"{OBJECTS}/{key}")
        assert answer.status == status, (method, key)
        assert SAFE.items() <= answer.headers.items(), (method, key)


async def test_what_is_missing(site: Site) -> None:
    """404 to whoever reads; deleting it is no error; a namespace that does not exist is 404 too."""
    assert (await site.ask("GET", f"{OBJECTS}/none")).json["code"] == "not_found"
    assert (await site.ask("HEAD", f"{OBJECTS}/none")).status == 404
    assert (await site.ask("DELETE", f"{OBJECTS}/none")).status == 204
    assert (await site.ask("GET", "/objects/nowhere/k")).status == 404
    assert (await site.ask("GET", "/objects")).status == 404


async def test_other_methods_are_not_allowed(site: Site) -> None:
    """With what is."""
    for method in ("POST", "PATCH", "PROPFIND"):
        answer = await site.ask(method, f"{OBJECTS}/k", b"x")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, PUT, DELETE, OPTIONS")
    assert (await site.ask("DELETE", f"{OBJECTS}/")).headers["allow"] == "GET, HEAD, OPTIONS"
    assert (await site.ask("OPTIONS", f"{OBJECTS}/k")).headers["allow"] == "GET, HEAD, PUT, DELETE, OPTIONS"


async def test_a_key_is_no_path(site: Site) -> None:
    """Decoded once, never normalized; in the query where something on the way would do that."""
    keys = {
        "a%2Fb": "a/b",
        "a+b": "a+b",
        "a%20b": "a b",
        "a%252Fb": "a%2Fb",
        "..%2f..%2fetc": "../../etc",
        "../up": "../up",
        "a//b/": "a//b/",
        "%E2%82%AC": "\u20ac",
        "%0d%0aset-cookie:%20x": "\r\nset-cookie: x",
    }
    for sent in keys:
        await site.put(sent, sent.encode())
    async with Client(site.address) as prism:
        found = {info.key async for info in prism.objects().list()}
        assert found == set(keys.values())
        for sent, key in keys.items():
            assert await prism.objects().read(key) == sent.encode()
    assert (await site.ask("GET", f"{OBJECTS}?key=..%2Fup")).body == b"../up"
    assert (await site.ask("GET", f"{OBJECTS}?key=a+b")).body == b"a+b"
    assert (await site.ask("PUT", f"{OBJECTS}?key=/x//", b"1")).status == 201
    assert (await site.ask("GET", f"{OBJECTS}//x//")).body == b"1"


@pytest.mark.parametrize(
    "target",
    [
        "/%FF",
        "/%C3%28",
        "/%",
        "/%zz",
        "/%2",
        "/a%00b",
        "/\xe4",
        "?key=",
        "?key=%FF",
        "/a?key=b",
        "?key=a&key=b",
        "/" + "k" * 1025,
        "/?limit=x",
        "/?limit=-1",
        "/?cursor=!",
        "/?cursor=AAAA",
        "/k?part=1",
    ],
)
async def test_malformed_targets_are_refused(site: Site, target: str) -> None:
    """400, and nothing is stored."""
    method = "GET" if "limit" in target or "cursor" in target else "PUT"
    answer = await site.ask(method, OBJECTS + target, b"x" if method == "PUT" else None)
    assert answer.status == 400, answer.body
    async with Client(site.address) as prism:
        assert [info async for info in prism.objects().list()] == []


async def test_the_path_names_the_namespace(site: Site) -> None:
    """A header may say the same, and nothing else."""
    await site.put("k", prism_namespace="default")
    answer = await site.ask("GET", f"{OBJECTS}/k", prism_namespace="other")
    assert answer.status == 400
    assert "namespace" in answer.json["message"]
    assert (await site.ask("GET", "/objects/other/k")).status == 404


async def test_a_listing_is_json(site: Site) -> None:
    """In byte order, page by page, with what keys have in common."""
    for key in ("a", "b/1", "b/2", "c", "d%22%3C"):
        await site.put(key)
    whole = await site.ask("GET", f"{OBJECTS}/?delimiter=%2F")
    assert whole.headers["content-type"] == "application/json"
    entries = [each.get("prefix") or each["object"]["key"] for each in whole.json["entries"]]
    assert entries == ["a", "b/", "c", 'd"<']
    found, cursor = [], ""
    while True:
        page = (await site.ask("GET", f"{OBJECTS}?limit=2&cursor={cursor}")).json
        found += [each["object"]["key"] for each in page["entries"]]
        if not (cursor := page.get("nextCursor", "")):
            break
        cursor = cursor.replace("+", "-").replace("/", "_")
    assert found == ["a", "b/1", "b/2", "c", 'd"<']
    assert [each["object"]["key"] for each in (await site.ask("GET", f"{OBJECTS}/?prefix=b/")).json["entries"]] == [
        "b/1",
        "b/2",
    ]


async def test_a_digest_is_checked_and_given(site: Site) -> None:
    """SHA-256, as RFC 9530 has it; what differs stores nothing."""
    await site.put("k", b"hello", repr_digest=f"md5=:AAAA:, {digest(b'hello')}")
    assert (await site.ask("HEAD", f"{OBJECTS}/k")).headers["repr-digest"].startswith(digest(b"hello"))
    wrong = await site.ask("PUT", f"{OBJECTS}/k", b"other", repr_digest=digest(b"hello"))
    assert (wrong.status, wrong.reason) == (400, "CONTENT_MISMATCH")
    assert (await site.ask("PUT", f"{OBJECTS}/k", b"other", repr_digest="sha-256=:AAAA:")).status == 400
    assert (await site.ask("GET", f"{OBJECTS}/k")).body == b"hello"


async def test_a_part_of_an_object_is_not_put(site: Site) -> None:
    """RFC 9110 section 14.5: 400, lest it be taken for the whole."""
    assert (await site.ask("PUT", f"{OBJECTS}/k", b"x", content_range="bytes 0-0/5")).status == 400
    assert (await site.ask("GET", f"{OBJECTS}/k")).status == 404


async def test_an_upload_by_parts(site: Site) -> None:
    """Begun and completed by operations; the parts are put, in any order and again."""
    async with Client(site.address) as prism:
        objects = prism.objects()
        begun = await objects.start_upload("big", content_type="text/plain")
        size = max(begun.min_part_size, 10)
        where = f"{OBJECTS}?key=big&upload={begun.upload}&part="
        assert (await site.ask("PUT", f"{where}2", b"end")).status == 200
        assert (await site.ask("PUT", f"{where}1", b"x" * size)).status == 200
        again = await site.ask("PUT", f"{where}1", b"y" * size)
        assert again.json == {"number": 1, "etag": again.json["etag"], "size": size}
        assert (await site.ask("GET", f"{OBJECTS}/big")).status == 404
        parts = [part async for part in objects.list_parts("big", begun.upload)]
        assert [part.number for part in parts] == [1, 2]
        await objects.complete_upload("big", begun.upload, parts)
        assert (await site.ask("GET", f"{OBJECTS}/big")).body == b"y" * size + b"end"
        assert (await site.ask("PUT", f"{where}1", b"z")).reason == "UPLOAD_NOT_FOUND"
    for bad in ("0", "x", "-1", "1e1", ""):
        assert (await site.ask("PUT", f"{where}{bad}", b"z")).status == 400
    assert (await site.ask("PUT", f"{where}1", b"z", if_none_match="*")).status == 400
    assert (await site.ask("GET", f"{where}1")).status == 400
    assert site.port.objects._http.transfers.parts == 3


async def test_transfers_are_counted(site: Site) -> None:
    """Bytes by direction, and what is under way, which is nothing in the end."""
    assert list(site.port.objects.metrics()) == []
    await site.put("k", b"12345")
    await site.ask("GET", f"{OBJECTS}/k", range="bytes=1-3")
    found = {each.name: each.values for each in site.port.objects.metrics()}
    assert found["prism_objects_http_bytes"] == {("received",): 5, ("sent",): 3}
    assert found["prism_objects_http_in_flight"] == {("received",): 0, ("sent",): 0}


async def test_a_body_that_ends_early_stores_nothing(site: Site) -> None:
    """The old object stays, and nothing is under way any more."""
    await site.put("k", b"old")
    async with site.connection() as (_, writer):
        writer.write(f"PUT {OBJECTS}/k HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n".encode() + b"new")
        await writer.drain()
    while any(site.port.objects._http.transfers.in_flight.values()):  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    assert (await site.ask("GET", f"{OBJECTS}/k")).body == b"old"


async def test_a_connection_serves_many_objects(site: Site) -> None:
    """One after the other, refused ones too."""
    async with site.connection() as (reader, writer):
        for number in range(5):
            head = f"PUT {OBJECTS}/k{number} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n"
            writer.write(f"{head}{'if-match: nonsense' if number == 2 else 'x: y'}\r\n\r\nabc".encode())
            assert (await reply(reader)).status == (400 if number == 2 else 201)
        writer.write(f"GET {OBJECTS}/k1 HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        assert (await reply(reader)).body == b"abc"
