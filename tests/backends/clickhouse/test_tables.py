"""Names of types, and the parameters of a statement."""

import pytest

from prism.backends.clickhouse.tables.names import TypeName, element_of
from prism.backends.clickhouse.tables.params import parameter, placeholders
from prism.interfaces.value import Value


def test_names_of_types() -> None:
    """Arguments are parted by commas outside of parentheses and quotes."""
    found = TypeName.of("Map(LowCardinality(String), Tuple(a Int8, `b,c` Enum8('x,\\'(' = 1)))")
    assert (found.name, found.arguments) == (
        "Map", ("LowCardinality(String)", "Tuple(a Int8, `b,c` Enum8('x,\\'(' = 1))"),
    )  # fmt: skip
    assert [element_of(each) for each in TypeName.of(found.arguments[1]).arguments] == [
        ("a", "Int8"), ("b,c", "Enum8('x,\\'(' = 1)"),
    ]  # fmt: skip
    assert element_of("Decimal(10, 2)") == ("", "Decimal(10, 2)")


@pytest.mark.parametrize("text", [
    "SELECT {p1:Int64}", "SELECT { p1 : Int64 }, '{p2:Int8}', \"{p3:Int8}\", `{p4:Int8}` -- {p5:Int8}",
    "SELECT /* {p2:Int8} */ {p1:Int64}", "SELECT 'it''s {p2:Int8}', {p1:Int64}, 'a\\'{p3:Int8}'",
])  # fmt: skip
def test_parameters_of_a_statement(text: str) -> None:
    """What only looks like one, in a literal, a name or a comment, is none."""
    assert placeholders(text) == {"p1": "Int64"}


def test_a_type_with_quotes() -> None:
    """The type of a parameter may hold quotes and parentheses."""
    assert placeholders("SELECT {p1:Enum8('a}' = 1)}, {p2:DateTime64(3, 'UTC')}") == {
        "p1": "Enum8('a}' = 1)", "p2": "DateTime64(3, 'UTC')",
    }  # fmt: skip


def test_instants_as_parameters() -> None:
    """In seconds since 1970, which no zone makes ambiguous; before it too."""
    for microseconds, text in (
        (1_700_000_000_123_456, "1700000000.123456"),
        (-1_500_000, "-1.500000"),
        (5, "0.000005"),
    ):
        assert parameter("DateTime64(6)", Value(timestamp=microseconds), "UTC") == text
    assert parameter("DateTime64(6)", Value(timestamp=-500_000), "Europe/Berlin") == "1970-01-01 00:59:59.500000"
