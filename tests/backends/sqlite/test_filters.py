"""Filters in SQLite: collations that change nothing, indexes that serve, and the largest filters."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from prism.backends.sqlite.filters import MAX_PARAMETERS, condition
from prism.backends.sqlite.values import encode
from prism.client.filters import all_of, any_of, field, negated
from prism.client.values import Plain, to_value
from prism.errors import LimitExceeded
from prism.interfaces.filter import MAX_DEPTH, Filter
from prism.interfaces.value import Kind
from prism.sdk.filters import Field, matches, resolve

HOSTILE = 'value" OR 1=1; --'
FIELDS = {
    "name": Field("name", {Kind.STRING: "kept.name"}),
    "folded": Field("folded", {Kind.STRING: "kept.folded"}),
    "number": Field("number", {Kind.INT64: "kept.number"}),
    "double": Field("double", {Kind.DOUBLE: "kept.double"}),
    "price": Field("price", {Kind.DECIMAL: "kept.value"}),
    HOSTILE: Field(HOSTILE, {Kind.INT64: "kept.number"}),
}


def within_all(made: Filter) -> Filter:
    return all_of(field("name").exists(), made)


def within_any(made: Filter) -> Filter:
    return any_of(field("name").exists(), made)


@pytest.fixture
def kept() -> Iterator[sqlite3.Connection]:
    """A table with an index on each column, one of them of a collation that knows no case."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE kept (name, folded COLLATE NOCASE, number, double, value)")
    for column in ("name", "folded", "number", "double", "value"):
        connection.execute(f"CREATE INDEX by_{column} ON kept ({column})")
    yield connection
    connection.close()


def insert(kept: sqlite3.Connection, column: str, *plain: Plain) -> None:
    kept.executemany(f"INSERT INTO kept ({column}) VALUES (?)", ([encode(to_value(each))] for each in plain))


def find(kept: sqlite3.Connection, column: str, made: Filter) -> list[Any]:
    parameters: list[Any] = []
    where = condition(resolve(made, FIELDS), parameters)
    return [found for (found,) in kept.execute(f"SELECT {column} FROM kept WHERE {where} ORDER BY rowid", parameters)]


def plan(kept: sqlite3.Connection, made: Filter) -> str:
    parameters: list[Any] = []
    where = condition(resolve(made, FIELDS), parameters)
    return " ".join(
        str(row[3]) for row in kept.execute(f"EXPLAIN QUERY PLAN SELECT * FROM kept WHERE {where}", parameters)
    )


def test_strings_are_bytes_whatever_the_collation(kept: sqlite3.Connection) -> None:
    """EQ, NE, IN and PREFIX on a column that takes a and A for one."""
    insert(kept, "folded", "a", "A", "ab", "AB", "b")
    assert find(kept, "folded", field("folded").eq("a")) == ["a"]
    assert find(kept, "folded", field("folded").ne("a")) == ["A", "ab", "AB", "b"]
    assert find(kept, "folded", field("folded").is_in(["A", "ab"])) == ["A", "ab"]
    assert find(kept, "folded", field("folded").starts_with("a")) == ["a", "ab"]


@pytest.mark.parametrize(
    ("made", "index"),
    [
        (field("name").eq("a"), "by_name (name=?)"),
        (field("folded").eq("a"), "by_folded (folded=?)"),
        (field("name").starts_with("a"), "by_name (name>? AND name<?)"),
        (field("name").is_in(["a", "b"]), "by_name (name=?)"),
        (field("name").lt("a"), "by_name (name<?)"),
        (field("number").le(2.5), "by_number (number<?)"),
        (field("number").is_in([1, 2]), "by_number (number=?)"),
        (field("double").is_in([1, 2]), "by_double (double=?)"),
        (field("price").eq(2), "by_value (value>? AND value<?)"),
        (field("price").ge(2), "by_value (value>?)"),
    ],
)
def test_an_index_serves(kept: sqlite3.Connection, made: Filter, index: str) -> None:
    """A test that stands under AND alone looks up its index."""
    assert index in plan(kept, all_of(made))


def test_the_ends_of_integers_within_in(kept: sqlite3.Connection) -> None:
    """They come through the list as they are."""
    ends = [-(2**63), -(2**63) + 1, -(2**53) - 1, 2**53 + 1, 2**63 - 2, 2**63 - 1]
    insert(kept, "number", *ends, 2**53, 0)
    assert find(kept, "number", field("number").is_in([*ends, 1.5, 2.0**70])) == ends


def test_a_name_is_no_sql(kept: sqlite3.Connection) -> None:
    """A field is looked up; its name is not in the statement."""
    insert(kept, "number", 1)
    parameters: list[Any] = []
    assert "OR 1=1" not in condition(resolve(field(HOSTILE).eq(2), FIELDS), parameters)
    assert find(kept, "number", field(HOSTILE).eq(2)) == []


def test_the_largest_filter(kept: sqlite3.Connection) -> None:
    """255 INs of 1,000 strings each are one statement."""
    insert(kept, "name", "x", "999", "2000")
    one, last = (field("name").is_in(map(str, range(start, start + 1000))) for start in (0, 2000))
    assert find(kept, "name", any_of(*[one] * 254, last)) == ["999", "2000"]


@pytest.mark.parametrize("steps", [(negated,), (within_all,), (within_any,), (negated, within_all, within_any)])
def test_the_deepest_filter(kept: sqlite3.Connection, steps: tuple[Callable[[Filter], Filter], ...]) -> None:
    """SQLite's parser keeps a hundred words at most; 32 deep is far from it, wherever the deepest part stands."""
    insert(kept, "value", Decimal("1.0"))
    made = field("price").is_in([1])
    for _, step in zip(range(MAX_DEPTH - 1), itertools.cycle(steps), strict=False):
        made = step(made)
    expected = matches(resolve(made, FIELDS), {"price": to_value(Decimal("1.0"))})
    assert find(kept, "1", made) == [1] * expected


def test_more_parameters_than_sqlite_has(kept: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are refused before SQLite does; as many as it has are not."""
    one = field("double").is_in([place + 0.5 for place in range(1000)])
    insert(kept, "double", 1.5)
    assert find(kept, "double", any_of(*[one] * (MAX_PARAMETERS // 1000))) == [1.5]
    monkeypatch.setattr("prism.backends.sqlite.filters.MAX_PARAMETERS", 1999)
    with pytest.raises(LimitExceeded, match="has 2000 operands; give at most 1999 doubles and bytes"):
        find(kept, "double", any_of(one, one))
