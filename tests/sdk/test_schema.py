"""Versions of a store's tables: what is done to an older one, served of a newer one, and refused."""

import logging
import re

import pytest

from prism.backends.postgres.schema import MIGRATIONS as POSTGRES
from prism.backends.sqlite.schema import MIGRATIONS as SQLITE
from prism.errors import FailedPrecondition
from prism.sdk.schema import Migration, Migrations, Version, pending, reached

ONE: Migrations = {"keyvalue": (Migration(("a",)),), "cache": (Migration(("c",)),)}
TWO: Migrations = {**ONE, "keyvalue": (*ONE["keyvalue"], Migration(("b",)))}
BREAKING: Migrations = {**TWO, "keyvalue": (*TWO["keyvalue"], Migration(("d",), breaks=True))}


def test_each_abstraction_has_its_own_version() -> None:
    """An empty store gets everything, a store of before what it lacks, and one that is up to date nothing."""
    assert pending(TWO, {}, "s") == ["a", "b", "c"]
    assert pending(TWO, reached(ONE, {}), "s") == ["b"]
    assert pending(TWO, {"cache": Version(1, 1)}, "s") == ["a", "b"]
    assert pending(TWO, reached(TWO, {}), "s") == []


def test_what_only_adds_is_served_by_the_release_before(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is done to it, the log says so, and its version stays what it is."""
    newer = reached(TWO, {}) | {"objectstore": Version(4, 4)}
    with caplog.at_level(logging.INFO):
        assert pending(ONE, newer, "the file") == []
    assert (
        "the file: the tables of abstraction keyvalue have schema version 2; this release knows version 1 and can "
        "serve them" in caplog.text
    )
    assert reached(ONE, newer) == newer


def test_what_breaks_is_refused_by_releases_before_it() -> None:
    """By both that know less, with the version that is needed; a release that knows it goes on adding."""
    broken = reached(BREAKING, {})
    assert broken["keyvalue"] == Version(3, 3)
    for older in (ONE, TWO):
        with pytest.raises(FailedPrecondition, match=r"s: the tables of keyvalue .* version 3, .* knows version 3"):
            pending(older, broken, "s")
    after: Migrations = {**BREAKING, "keyvalue": (*BREAKING["keyvalue"], Migration(("e",)))}
    assert reached(after, broken)["keyvalue"] == Version(4, 3)
    assert pending(BREAKING, reached(after, broken), "s") == []


# Comments, and the bodies of functions: what those do is done later.
_ASIDE = re.compile(r"--[^\n]*|\$(\w*)\$.*?\$\1\$", re.DOTALL)


@pytest.mark.parametrize("migrations", [SQLITE, POSTGRES], ids=["sqlite", "postgres"])
def test_migrations_only_add(migrations: Migrations) -> None:
    """Nothing is dropped, renamed or retyped by a migration that does not say that it breaks."""
    steps = [step for each in migrations.values() for step in each if not step.breaks]
    said = [_ASIDE.sub("", text) for step in steps for text in step.statements]
    statements = [each.split() for text in said for each in text.split(";") if each.strip()]
    assert statements
    for words in statements:
        adds = words[0] in {"CREATE", "INSERT"} or (words[:2] == ["ALTER", "TABLE"] and words[3] == "ADD")
        adds |= words[:2] == ["ALTER", "TABLE"] and words[3] == "SET" and words[4].startswith("(")  # how it is kept
        assert adds, " ".join(words)
