"""The file of tables that are not Prism's own: made or taken as it is, and opened when it is first used."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.schema import APPLICATION_ID, at_start, connect, is_read_only, make_folder
from prism.backends.sqlite.store import Store
from prism.backends.sqlite.transact.mailboxes import TABLES, any_mailbox
from prism.errors import FailedPrecondition
from prism.sdk.schema import Migration, Migrations, Version, pending, reached
from prism.sdk.sqlite.errors import translated
from prism.sdk.sqlite.write_ahead import use_write_ahead_log

MIGRATIONS: Migrations = {"transact": (Migration(TABLES),)}
"""What leads from each version of the tables to the next; files of before versions were kept have the first one."""
_VERSIONS = """CREATE TABLE IF NOT EXISTS prism_versions (
    abstraction TEXT PRIMARY KEY, version INTEGER NOT NULL, compatible_from INTEGER NOT NULL
) WITHOUT ROWID"""


class TablesFile:
    """The file, opened when something asks for it.

    Attributes:
        path: where it is.
        opened: the store of it; None before.
    """

    def __init__(self, config: SqliteConfig) -> None:
        self.path = config.tables_path
        self.opened: Store | None = None
        self._config = config.model_copy(update={"path": self.path, "reserve": 0})
        self._opening = asyncio.Lock()

    async def store(self) -> Store:
        """The store, open."""
        if self.opened is None:
            async with self._opening:
                if self.opened is None:
                    store = Store(self._config, _prepare)
                    await store.open()
                    self.opened = store
        return self.opened

    async def changes(self) -> int:
        """A number that changes with every commit of another connection."""
        return await (await self.store()).changes()

    async def close(self) -> None:
        """Closes it."""
        store, self.opened = self.opened, None
        if store is not None:
            await store.close()


def holds_mailbox(path: Path, namespace: str) -> bool:
    """Whether the namespace has a mailbox in the file, which is left as it is: it may be of another application."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            made = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'prism_mailbox'").fetchone()
            return made is not None and any_mailbox(connection, namespace)
    except sqlite3.Error as error:
        raise translated(error, None) from error


def _prepare(path: Path, config: SqliteConfig) -> None:
    """Makes what Transact keeps in the file, where that is missing.

    Raises:
        FailedPrecondition: it is a file of Prism's own tables, was written by a newer release, or cannot be written.
        PrismError: it cannot be opened.
    """
    if is_read_only(path):
        raise FailedPrecondition(f"{path} is read-only, and Transact writes to it: make it and its folder writable")
    try:
        make_folder(path.parent)
        connection = connect(path, config)
        try:
            (owner,) = connection.execute("PRAGMA application_id").fetchone()
            if owner == APPLICATION_ID:
                raise FailedPrecondition(
                    f"{path} holds what Prism keeps for other abstractions; set `tables` to a file of its own"
                )
            if not use_write_ahead_log(connection):
                raise FailedPrecondition(f"{path} does not support a write-ahead log; put it on a local disk")
            _migrate(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise at_start(error, path) from error
    except OSError as error:
        raise FailedPrecondition(
            f"the folder of {path} cannot be made: {error}; set `tables` to a file in a writable folder"
        ) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(_VERSIONS)
        rows = connection.execute("SELECT abstraction, version, compatible_from FROM prism_versions")
        found = {abstraction: Version(*numbers) for abstraction, *numbers in rows}
        for statement in pending(MIGRATIONS, found, str(path)):
            connection.execute(statement)
        for abstraction, version in reached(MIGRATIONS, found).items():
            row = (abstraction, version.number, version.compatible_from)
            connection.execute("INSERT OR REPLACE INTO prism_versions VALUES (?, ?, ?)", row)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
