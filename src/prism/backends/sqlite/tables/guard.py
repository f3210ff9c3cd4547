"""What statements of callers may do in a SQLite file: an authorizer says so to SQLite, which asks it for each step.

No text is looked at. Reading has two more guards: the file is opened with `mode=ro`, and `query_only` is on.
"""

import secrets
import sqlite3
from collections.abc import Callable
from typing import Final

Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]

_DENIED_FUNCTIONS: Final = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
_SHOWN: Final = frozenset(
    {
        "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
        "foreign_key_check", "collation_list", "function_list", "module_list", "pragma_list", "compile_options",
        "integrity_check", "quick_check",
    }
)  # fmt: skip
"""Pragmas that only show something, whatever their argument is."""
_READ_AS_THEY_ARE: Final = frozenset(
    {"user_version", "application_id", "encoding", "page_count", "page_size", "freelist_count", "data_version",
     "schema_version"}
)  # fmt: skip
"""Pragmas that show something without an argument, and set it with one."""
_MODULES: Final = frozenset({"fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"})

_READING: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
_OF_VACUUM: Final = frozenset({sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION})
_WRITING: Final = frozenset(
    {
        sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_CREATE_VIEW, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_DROP_VIEW, sqlite3.SQLITE_DROP_VTABLE, sqlite3.SQLITE_REINDEX, sqlite3.SQLITE_ANALYZE,
    }
)  # fmt: skip


_BY_COLUMN: Final = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_UPDATE})
_KEPT_BY_PRISM: Final = "prism_"

_OURS: Final = secrets.token_hex(16)
"""In the text of our own statements: the driver keeps what it has compiled by its text, and asks no second time."""
BEGIN: Final = f"BEGIN /* {_OURS} */"
BEGIN_WRITING: Final = f"BEGIN IMMEDIATE /* {_OURS} */"
COMMIT: Final = f"COMMIT /* {_OURS} */"
ROLLBACK: Final = f"ROLLBACK /* {_OURS} */"


class Guard:
    """The authorizer of a connection.

    Attributes:
        allows: what it goes by for statements of callers.
    """

    def __init__(self, connection: sqlite3.Connection, allows: Authorizer) -> None:
        self.allows = allows
        self._connection = connection
        self._ours = False
        connection.set_authorizer(self)

    def transact(self, statement: str) -> None:
        """Runs one of the statements above, which callers may not."""
        self._ours = True
        try:
            self._connection.execute(statement)
        finally:
            self._ours = False

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, within: str | None
    ) -> int:
        """SQLite asks."""
        if self._ours and action == sqlite3.SQLITE_TRANSACTION:
            return sqlite3.SQLITE_OK
        return self.allows(action, first, second, database, within)

    def expect(self, allows: Authorizer) -> None:
        """Goes by other rules from now on; what was compiled by those before is compiled again."""
        self.allows = allows
        self._connection.set_authorizer(self)


def _is_kept_by_prism(action: int, first: str | None, second: str | None) -> bool:
    """Whether it is about a table in which another abstraction keeps what is its own, such as mailboxes."""
    if action in {sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_PRAGMA}:
        return False
    names = (first,) if action in _BY_COLUMN else (first, second)
    return any(name is not None and name.lower().startswith(_KEPT_BY_PRISM) for name in names)


def reading(action: int, first: str | None, second: str | None, _database: str | None, _within: str | None) -> int:
    """Lets a statement read, and nothing else."""
    if _is_kept_by_prism(action, first, second):
        return sqlite3.SQLITE_DENY
    return _reading(action, first, second)


def _reading(action: int, first: str | None, second: str | None) -> int:
    if action in _READING or (action == sqlite3.SQLITE_FUNCTION and second not in _DENIED_FUNCTIONS):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and (first in _SHOWN or (first in _READ_AS_THEY_ARE and second is None)):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def writing(action: int, first: str | None, second: str | None, database: str | None, _within: str | None) -> int:
    """Lets a statement write into the file: nothing that outlives the call elsewhere, no other file, no transaction."""
    if _is_kept_by_prism(action, first, second):
        return sqlite3.SQLITE_DENY
    return _writing(action, first, second, database)


def _writing(action: int, first: str | None, second: str | None, database: str | None) -> int:
    if action in _WRITING or (action == sqlite3.SQLITE_CREATE_VTABLE and second in _MODULES):
        return sqlite3.SQLITE_DENY if database == "temp" else sqlite3.SQLITE_OK
    return _reading(action, first, second)


def alone() -> Authorizer:
    """The rules of one statement outside a transaction, which may write too. VACUUM makes a file without a name, and
    moves all tables through it, those that are kept by Prism too: a statement that makes such a file does nothing else.
    """
    vacuums = False

    def allows(action: int, first: str | None, second: str | None, database: str | None, within: str | None) -> int:
        nonlocal vacuums
        vacuums |= action == sqlite3.SQLITE_ATTACH and first == ""
        if vacuums:
            moves = (action == sqlite3.SQLITE_ATTACH and first == "") or action in _OF_VACUUM
            return sqlite3.SQLITE_OK if moves else _writing(action, first, second, database)
        if action in _OF_VACUUM:
            return sqlite3.SQLITE_OK
        return writing(action, first, second, database, within)

    return allows
