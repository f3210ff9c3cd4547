"""Bytes are bytes: nothing in ids, keys, values or namespaces is a collation's matter or an end."""

import asyncpg

from missing import missing
from prism.backends.postgres.testing import RunningServer

from .store import OpenStore, Store


async def test_every_octet_and_the_longest_key(store: Store):
    """All 256 octets in keys and values; namespace, id and key at their limits fit the index together."""
    octets = bytes(range(256))
    longest = {bytes([n]) * 1024: octets for n in range(256)}
    namespace = "n" * 63
    await store.put("é" * 256, longest, namespace=namespace)
    assert await store.get("é" * 256, *longest, namespace=namespace) == longest
    await store.put("r", {b"\0": b"\0", b"\0\0": b"", b"\xff" * 1024: octets})
    keys = [each.key for each in (await store.call("Scan", id="r")).items]
    assert keys == [b"\0", b"\0\0", b"\xff" * 1024]


async def test_order_is_of_bytes_in_a_database_of_another_collation(
    postgres_server: RunningServer, open_store: OpenStore
):
    """A database that sorts text as dictionaries do changes nothing."""
    try:
        url = postgres_server.create_database(
            "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US-u-ks-level1' LOCALE 'C'"
        )
    except asyncpg.FeatureNotSupportedError as unable:
        missing(f"PostgreSQL has no ICU collations here: {unable}")
    store = await open_store(url)
    names = ["B", "a", "A", "b", "á", "Z", "z", "aa", "a b", "-"]
    for name in names:
        await store.put(name, {each.encode(): b"" for each in names})
    ordered = sorted(names, key=str.encode)
    assert list((await store.call("ListRecords")).ids) == ordered
    assert list((await store.call("ListRecords", reverse=True)).ids) == ordered[::-1]
    assert [each.key.decode() for each in (await store.call("Scan", id="a")).items] == ordered
    assert [part.id for part in await store.stream()] == ordered


async def test_a_page_of_large_values_is_bounded_in_the_store(store: Store):
    """Values of a megabyte come one to a page, and a stream of them is whole."""
    keys = [b"%d" % n for n in range(5)]
    for key in keys:
        await store.put("r", {key: key * (1 << 20)})
    page = await store.call("Scan", id="r", limit=1000)
    assert [each.key for each in page.items] == keys[:1]
    assert page.next_cursor
    parts = await store.stream(id="r")
    assert [each.key for part in parts for each in part.items] == keys
    assert [each.key for each in (await store.call("Scan", id="r", keys_only=True)).items] == keys
