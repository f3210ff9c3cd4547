"""The SQL of KeyValue: what it costs where a careless statement would read a whole record or namespace."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prism.backends.sqlite import items, schema
from prism.backends.sqlite.config import SqliteConfig
from prism.backends.sqlite.transaction import Transaction, Write, commit, now
from prism.interfaces.keyvalue import PutItem
from prism.sdk.scan import Range, Selection

ITEMS = 5000
WHOLE = Range(b"", None)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Three records of many items, and one with a dead item only."""
    config = SqliteConfig()
    schema.prepare(tmp_path / "data.db", config)
    connection = schema.connect(tmp_path / "data.db", config)

    def fill(transaction: Transaction) -> None:
        for id_ in (b"a", b"b", b"c"):
            for number in range(ITEMS):
                items.put(transaction, b"n", id_, PutItem(key=b"%06d" % number, value=b"v"))
        items.put(transaction, b"n", b"bb", PutItem(key=b"k"))
        items.set_expiry(transaction, b"n", b"bb", b"k", transaction.now)

    commit(connection, [Write(fill, None)])
    yield connection
    connection.close()


def steps(connection: sqlite3.Connection, work: Callable[[], object]) -> int:
    """How many hundreds of steps SQLite's machine takes for it."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 100)
    work()
    connection.set_progress_handler(None, 0)
    return count


@pytest.mark.parametrize("reverse", [False, True])
def test_listing_records_skips_their_items(connection: sqlite3.Connection, reverse: bool) -> None:
    """Listing costs a search for each record, not a look at each item; dead records are left out."""
    found: list[bytes] = []

    def listing() -> None:
        found.extend(items.ids(connection, b"n", WHOLE, reverse=reverse, limit=10, now=now()))

    assert steps(connection, listing) < 10
    assert found == sorted([b"a", b"b", b"c"], reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("id_", [b"b", b""])
def test_a_page_costs_its_rows(connection: sqlite3.Connection, id_: bytes, reverse: bool) -> None:
    """A page deep inside a record or a namespace is found by search, not by reading what lies before it."""
    middle = (b"b", b"%06d" % (ITEMS // 2))
    keys = WHOLE.beyond(middle[1], reverse=reverse) if id_ else WHOLE
    selection = Selection(id_, keys, None if id_ else middle, reverse, False, 3)
    found: list[bytes] = []

    def read() -> None:
        found.extend(row[1] for row in items.rows(connection, b"n", selection, now()))

    assert steps(connection, read) < 10
    way = -1 if reverse else 1
    assert found == [b"%06d" % (ITEMS // 2 + way * distance) for distance in (1, 2, 3, 4)]


def test_a_sweep_is_a_bite(connection: sqlite3.Connection) -> None:
    """It removes at most so many dead items, finds them by search, and says whether more may be left."""

    def kill(transaction: Transaction) -> None:
        for number in range(25):
            items.set_expiry(transaction, b"n", b"c", b"%06d" % number, transaction.now)

    commit(connection, [Write(kill, None)])

    def sweep_batch(transaction: Transaction) -> bool:
        return items.sweep(transaction, 10)

    answers: list[bool] = []
    cost = steps(connection, lambda: answers.extend(commit(connection, [Write(sweep_batch, None)])))
    assert cost < 50
    answers += [commit(connection, [Write(sweep_batch, None)])[0] for _ in range(2)]
    assert answers == [True, True, False]
    assert connection.execute("SELECT count(*) FROM item").fetchone() == (3 * ITEMS - 25,)
    assert not items.any_due(connection, now())
