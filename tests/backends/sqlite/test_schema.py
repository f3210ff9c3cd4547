"""Opening a database file: whose it is, how it is made and migrated, and what is refused."""

import asyncio
import sqlite3
import stat
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from prism.backends.sqlite import schema
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.testing import TemporaryStore
from prism.errors import BackendUnavailable, DataLoss, FailedPrecondition
from prism.sdk.schema import Migration, Migrations

from .keyvalues import HERE, keyvalue, put, value_of

CONFIG = SqliteConfig()
FIRST = dict.fromkeys(schema.MIGRATIONS, (1, 1))
"""What the tables of each abstraction are at first."""


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def versions(path: Path) -> dict[str, tuple[int, int]]:
    """The version of each abstraction's tables, and the one that a release must know to serve them."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT abstraction, version, compatible_from FROM abstraction_versions").fetchall()
    return {abstraction: (version, compatible_from) for abstraction, version, compatible_from in rows}


def next_release(*statements: str, breaks: bool = False) -> Migrations:
    """What a release knows that adds one migration to KeyValue's."""
    known = schema.MIGRATIONS
    return {**known, "keyvalue": (*known["keyvalue"], Migration(statements, breaks))}


def damage(path: Path) -> None:
    """Overwrites the latter half of a database's pages."""
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        for page in range(pages // 2, pages):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)


def test_a_new_file_is_marked_as_ours(tmp_path: Path) -> None:
    """Application id, schema version and the write-ahead log are there, in a folder for this user alone."""
    path = tmp_path / "made" / "data.db"
    schema.prepare(path, CONFIG)
    assert pragma(path, "application_id") == schema.APPLICATION_ID
    assert pragma(path, "user_version") == schema.FILE_VERSION
    assert versions(path) == FIRST
    assert pragma(path, "journal_mode") == "wal"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(("durability", "level"), [("synced", 2), ("store", 1)])
def test_durability_is_sqlites_synchronous(tmp_path: Path, durability: str, level: int) -> None:
    """`synced` is FULL, which syncs each commit; `store` is NORMAL, which does not."""
    config = SqliteConfig.model_validate({"durability": durability})
    schema.prepare(tmp_path / "data.db", config)
    with closing(schema.connect(tmp_path / "data.db", config)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)


@pytest.mark.parametrize("foreign", ["PRAGMA application_id = 7", "CREATE TABLE theirs (a)", "PRAGMA user_version = 1"])
def test_another_applications_file_is_refused_untouched(tmp_path: Path, foreign: str) -> None:
    """A file with a foreign mark, or with tables and no mark, is refused and not one byte of it changes."""
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(foreign)
    before = path.read_bytes()
    with pytest.raises(FailedPrecondition, match="another application; set `path`"):
        schema.prepare(path, CONFIG)
    assert path.read_bytes() == before


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    """A file of another form is refused with both versions and what to do."""
    path = tmp_path / "data.db"
    schema.prepare(path, CONFIG)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(FailedPrecondition, match=r"version 99.*knows up to 2; run the newer Prism"):
        schema.prepare(path, CONFIG)


def test_tables_that_need_a_newer_release_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that does more than add shuts out the releases before it, which say so and change nothing."""
    path = tmp_path / "data.db"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release("ALTER TABLE item RENAME TO thing", breaks=True))
        schema.prepare(path, CONFIG)
    assert versions(path) == FIRST | {"keyvalue": (2, 2)}
    refusal = r"data\.db: the tables of keyvalue have schema version 2, which needs .*this one knows 1: run the newer"
    with pytest.raises(FailedPrecondition, match=refusal):
        schema.prepare(path, CONFIG)


async def test_two_releases_serve_one_file(database: TemporaryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the next release migrates, and when it is rolled back: both read and write what the other has written."""
    old = await database.backend()
    await keyvalue(old).put(put("before"), HERE)
    added = ("ALTER TABLE item ADD COLUMN note TEXT DEFAULT 'none'", "CREATE TABLE extra (a)")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release(*added))
        new = await database.backend()
    path = Path(str(database.config["path"]))
    assert versions(path) == FIRST | {"keyvalue": (2, 1)}
    for writer, reader in ((old, new), (new, old)):
        for value in (b"first", b"second"):
            await keyvalue(writer).put(put("r", value=value), HERE)
            assert await value_of(reader, "r") == value
        assert await value_of(reader, "before") == b"v"
    await old.stop()
    await new.stop()
    rolled_back = await database.backend()  # it starts on the newer tables, and leaves their version alone
    await keyvalue(rolled_back).put(put("after"), HERE)
    assert [await value_of(rolled_back, id_) for id_ in ("before", "r", "after")] == [b"v", b"second", b"v"]
    await rolled_back.stop()
    assert versions(path) == FIRST | {"keyvalue": (2, 1)}
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release(*added))
        upgraded = await database.backend()
    assert await value_of(upgraded, "after") == b"v"
    await upgraded.stop()


@pytest.mark.parametrize("abstractions", [("keyvalue",), ("keyvalue", "cache")])
async def test_a_file_of_before_is_upgraded_in_place(database: TemporaryStore, abstractions: Sequence[str]) -> None:
    """One whose only version is SQLite's own: what it lacks is added, what it holds stays, it can be rolled back."""
    path = Path(str(database.config["path"]))
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (
            text for name in abstractions for each in schema.MIGRATIONS[name] for text in each.statements
        ):
            connection.execute(statement)
        connection.execute("INSERT INTO item VALUES (?, ?, ?, 1, NULL, x'', ?)", (b"here", b"r", b"k", b"kept"))
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(abstractions)}")
    backend = await database.backend()
    assert await value_of(backend, "r") == b"kept"
    assert pragma(path, "user_version") == schema.FILE_VERSION  # all that a release of before looks at
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM cache").fetchone() == (0,)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file that SQLite did not write is refused, for the operator to look at."""
    path = tmp_path / "data.db"
    path.write_bytes(b"a letter to a friend " * 500)
    with pytest.raises(DataLoss, match=r"data\.db: the file is not a SQLite database"):
        schema.prepare(path, CONFIG)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """Where a file is in the folder's place, the message names `path`."""
    (tmp_path / "file").touch()
    with pytest.raises(FailedPrecondition, match="set `path` to a file in a writable folder"):
        schema.prepare(tmp_path / "file" / "folder" / "data.db", CONFIG)


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """Where a folder is in the file's place, the store is unavailable until somebody moves it."""
    (tmp_path / "data.db").mkdir()
    with pytest.raises(BackendUnavailable, match="cannot be opened; check path, owner and mode"):
        schema.prepare(tmp_path / "data.db", CONFIG)


async def test_a_migration_keeps_the_data(database: TemporaryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of an older schema is brought up to date, once, with everything in it."""
    old = await database.backend()
    await keyvalue(old).put(put("r"), HERE)
    await old.stop()
    addition = ("ALTER TABLE state ADD COLUMN note TEXT", "UPDATE state SET note = 'migrated'")
    monkeypatch.setattr(schema, "MIGRATIONS", next_release(*addition))
    for _ in range(2):
        new = await database.backend()
        assert await value_of(new, "r") == b"v"
        await new.stop()
    path = Path(str(database.config["path"]))
    assert versions(path)["keyvalue"] == (2, 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT note FROM state").fetchone() == ("migrated",)


def test_a_failed_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a step fails, the steps before it are undone too, and the older release can still read the file."""
    path = tmp_path / "data.db"
    schema.prepare(path, CONFIG)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", next_release("CREATE TABLE extra (a)", "SELECT nonsense"))
        with pytest.raises(Exception, match="nonsense"):
            schema.prepare(path, CONFIG)
    assert versions(path)["keyvalue"] == (1, 1)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)


def test_a_file_that_another_process_is_making_is_not_taken_for_a_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mark, version and tables are looked at together: what another process makes of them comes before or after."""
    path, connect = tmp_path / "data.db", sqlite3.connect
    others: list[str] = []

    def make(statement: str) -> None:
        if statement == "PRAGMA user_version" and not others:
            others.append(statement)
            monkeypatch.setattr(sqlite3, "connect", connect)
            with suppress(BackendUnavailable):  # as one that comes at this moment waits, and this one waits for it
                schema.prepare(path, SqliteConfig(busy_timeout=0))

    def watched(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **settings)
        connection.set_trace_callback(make)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    schema.prepare(path, CONFIG)
    assert others
    assert pragma(path, "application_id") == schema.APPLICATION_ID


async def test_many_processes_start_on_a_new_file_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the schema; nobody fails, and nothing is made twice."""
    program = (
        "import sys; from pathlib import Path; from prism.backends.sqlite import schema, config\n"
        "sys.stdout.write('ready'); sys.stdout.flush(); sys.stdin.read()\n"
        "schema.prepare(Path(sys.argv[1]), config.SqliteConfig(busy_timeout=30))"
    )
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path / "new" / "data.db"), stdin=pipe, stdout=pipe, stderr=pipe
        )
        for _ in range(6)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readexactly(5) == b"ready"
    ends = await asyncio.gather(*(process.communicate(b"") for process in processes))
    assert [process.returncode for process in processes] == [0] * 6, [stderr for _, stderr in ends]
    with closing(sqlite3.connect(tmp_path / "new" / "data.db")) as connection:
        assert connection.execute("SELECT count(*) FROM state").fetchone() == (1,)


async def test_identity_is_the_real_path(database: TemporaryStore, tmp_path: Path) -> None:
    """Two ways to one file are one store."""
    first = await database.backend()
    link = tmp_path / "link"
    link.symlink_to(Path(str(database.config["path"])).parent)
    second = await database.backend(path=str(link / "test.db"))
    assert first.identity == second.identity
    assert first.identity.startswith("sqlite:/")


async def test_a_damaged_page_is_data_loss_and_the_rest_is_served(database: TemporaryStore) -> None:
    """Reading a page that was overwritten says DATA_LOSS and what to do; the gateway lives on."""
    backend = await database.backend()
    puts = (keyvalue(backend).put(put(f"r{number:03}", value=b"x" * 1000), HERE) for number in range(200))
    await asyncio.gather(*puts)
    await backend.stop()
    damage(Path(str(database.config["path"])))
    backend = await database.backend()
    failures = await asyncio.gather(
        *(value_of(backend, f"r{number:03}") for number in range(200)), return_exceptions=True
    )
    assert {type(failure).__name__ for failure in failures} == {"bytes", "DataLoss"}
