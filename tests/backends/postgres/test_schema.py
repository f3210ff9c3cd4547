"""The tables: made by whoever comes first, refused where they are from the future."""

import asyncio
from collections.abc import Sequence

import pytest

from prism.backends.postgres import schema
from prism.backends.postgres.testing import RunningServer
from prism.errors import FailedPrecondition, Outcome
from prism.sdk import HealthStatus
from prism.sdk.schema import Migration, Migrations

from .store import OpenStore

FIRST = dict.fromkeys(schema.MIGRATIONS, (1, 1))
"""What the tables of each abstraction are at first."""


def versions(server: RunningServer, url: str) -> dict[str, tuple[int, int]]:
    """The version of each abstraction's tables, and the one that a release must know to serve them."""
    rows = server.execute("SELECT abstraction, version, compatible_from FROM prism.abstraction_versions", url=url)
    return {abstraction: (version, compatible_from) for abstraction, version, compatible_from in rows}


def next_release(*statements: str, breaks: bool = False) -> Migrations:
    """What a release knows that adds one migration to KeyValue's."""
    known = schema.MIGRATIONS
    return {**known, "keyvalue": (*known["keyvalue"], Migration(statements, breaks))}


async def test_gateways_that_start_at_once_make_one_schema(postgres_url: str, open_store: OpenStore):
    """However many find an empty database at the same moment, all of them then serve the same data."""
    stores = [await open_store(postgres_url, start=False) for _ in range(8)]
    await asyncio.gather(*(store.backend.start() for store in stores))
    await stores[0].put("r", {b"k": b"v"})
    assert [await store.get("r", b"k") for store in stores] == [{b"k": b"v"}] * 8


async def test_a_second_start_changes_nothing(postgres_url: str, open_store: OpenStore, postgres_server: RunningServer):
    """The version is recorded, and the data of the first start is there after the next."""
    await (await open_store(postgres_url)).put("r", {b"k": b"v"})
    assert await (await open_store(postgres_url)).get("r", b"k") == {b"k": b"v"}
    rows = postgres_server.execute("SELECT version FROM prism.schema_version", url=postgres_url)
    assert [row[0] for row in rows] == [schema.LAYOUT]
    assert versions(postgres_server, postgres_url) == FIRST


async def test_two_releases_serve_one_schema(
    postgres_url: str, open_store: OpenStore, postgres_server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    """Gateways of the next release migrate together, once; those of the one before serve on, and start again."""
    old = await open_store(postgres_url)
    await old.put("before", {b"k": b"v"})
    added = "CREATE TABLE once (n int); ALTER TABLE items ADD COLUMN before int, ADD COLUMN note text DEFAULT 'none'"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release(added))
        new = [await open_store(postgres_url, start=False) for _ in range(4)]
        await asyncio.gather(*(store.backend.start() for store in new))
    rolled_back = await open_store(postgres_url)  # it starts on the newer tables
    for writer, reader in ((old, new[0]), (new[0], rolled_back), (rolled_back, old)):
        for value in (b"first", b"second"):
            await writer.put("r", {b"k": value})
            assert await reader.get("r", b"k") == {b"k": value}
        assert await reader.get("before", b"k") == {b"k": b"v"}
        assert [item.key for item in (await reader.call("Scan", id="r")).items] == [b"k"]
    assert versions(postgres_server, postgres_url) == FIRST | {"keyvalue": (2, 1)}


async def test_tables_that_need_a_newer_release_are_refused(
    postgres_url: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
):
    """A migration that does more than add shuts out the releases before it, which say what to do."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release("ALTER TABLE items RENAME TO things", breaks=True))
        await (await open_store(postgres_url, start=False)).backend.start()
    late = await open_store(postgres_url, start=False)
    with pytest.raises(FailedPrecondition, match=r"'prism': the tables of keyvalue have schema version 2.*knows 1"):
        await late.backend.start()


@pytest.mark.parametrize("abstractions", [("keyvalue",), ("keyvalue", "cache")])
async def test_a_schema_of_before_is_upgraded_in_place(
    postgres_url: str, open_store: OpenStore, postgres_server: RunningServer, abstractions: Sequence[str]
):
    """One with a single version for all: what it lacks is added, what it holds stays, and it can be rolled back."""
    tables = "".join(text for name in abstractions for each in schema.MIGRATIONS[name] for text in each.statements)
    made = (
        "CREATE SCHEMA prism; SET LOCAL search_path = prism; CREATE TABLE schema_version (version integer NOT NULL);"
        f"INSERT INTO schema_version VALUES ({len(abstractions)}); {tables}"
        "INSERT INTO items VALUES ('ns', 'r', 'k', 'kept', '', 1, NULL);"
    )
    postgres_server.execute(f"DO $do$ BEGIN {made} END $do$", url=postgres_url)
    store = await open_store(postgres_url)
    assert await store.get("r", b"k") == {b"k": b"kept"}
    rows = postgres_server.execute(
        "SELECT version, (SELECT count(*) FROM prism.cache) FROM prism.schema_version", url=postgres_url
    )
    assert [tuple(row) for row in rows] == [(schema.LAYOUT, 0)]  # all that a release of before looks at


async def test_a_failed_migration_leaves_nothing(
    postgres_url: str, open_store: OpenStore, postgres_server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    """All of it is one transaction, and a later start does it anew."""
    store = await open_store(postgres_url, start=False)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release("CREATE TABLE broken ("))
        with pytest.raises(Exception, match="syntax error"):
            await store.backend.start()
    found = postgres_server.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'prism'", url=postgres_url)
    assert not found
    await store.backend.start()
    assert await store.get("r", b"k") == {}


async def test_schemas_of_one_database_are_apart(postgres_url: str, open_store: OpenStore):
    """Two configurations that differ in the schema share nothing, be its name a reserved word or not."""
    one, two = await open_store(postgres_url, schema="user"), await open_store(postgres_url, schema="other")
    await one.put("r", {b"k": b"v"})
    assert await two.get("r", b"k") == {}
    assert await one.backend.holds_data("ns")
    assert not await two.backend.holds_data("ns")
    assert not await one.backend.holds_data("n")


async def test_a_schema_made_by_someone_else_is_enough(
    postgres_url: str, open_store: OpenStore, postgres_server: RunningServer
):
    """A role that may not create schemas starts in one that is there, and is told its GRANTs where it may not."""
    await open_store(postgres_url)
    role = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
    try:
        limited = postgres_url.replace(postgres_url.split("//")[1].split("@")[0], f"{role}:p")
        store = await open_store(limited, start=False)
        with pytest.raises(FailedPrecondition, match="USAGE ON SCHEMA"):
            await store.backend.start()
        for grant in (
            "USAGE ON SCHEMA prism",
            "SELECT ON ALL TABLES IN SCHEMA prism",
        ):
            postgres_server.execute(f"GRANT {grant} TO {role}", url=postgres_url)
        await store.backend.start()
        with pytest.raises(FailedPrecondition, match="GRANT") as caught:
            await store.put("r", {b"k": b"v"})
        assert caught.value.outcome is Outcome.NOT_APPLIED
        for grant in (
            "INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA prism",
            "USAGE ON ALL SEQUENCES IN SCHEMA prism",
        ):
            postgres_server.execute(f"GRANT {grant} TO {role}", url=postgres_url)
        await store.put("r", {b"k": b"v"})
        assert await store.get("r", b"k") == {b"k": b"v"}
        with pytest.raises(FailedPrecondition, match="CREATE ON DATABASE"):
            await (await open_store(limited, start=False, schema="own")).backend.start()
    finally:
        postgres_server.execute(f"DROP OWNED BY {role}", url=postgres_url)
        postgres_server.execute(f"DROP ROLE {role}")


async def test_a_schema_dropped_underneath_is_told(
    postgres_url: str, open_store: OpenStore, postgres_server: RunningServer
):
    """Calls say what to do, nothing was applied, health knows it, and a start makes the tables anew."""
    store = await open_store(postgres_url)
    await store.put("r", {b"k": b"v"})
    postgres_server.execute("DROP SCHEMA prism CASCADE", url=postgres_url)
    with pytest.raises(FailedPrecondition, match="restore the schema") as caught:
        await store.put("r", {b"k": b"v"})
    assert caught.value.outcome is Outcome.NOT_APPLIED
    with pytest.raises(FailedPrecondition, match="restore the schema"):
        await store.get("r", b"k")
    health = await store.backend.health()
    assert health.status is HealthStatus.UNHEALTHY
    assert "lost its tables" in health.message
    await store.backend.start()
    await store.put("r", {b"k": b"w"})
    assert await store.get("r", b"k") == {b"k": b"w"}
