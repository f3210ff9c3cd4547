"""Versions of a store's tables, one for each abstraction, so that an upgrade can be rolled back.

A migration adds: tables, indexes, columns that an INSERT may leave out. Then the release before it serves the tables of
the release after it, beside it or in its place. One that does more says so (`breaks`), and releases that know only the
versions before it refuse the store from then on.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prism.errors import FailedPrecondition

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Migration:
    """What leads from one version of an abstraction's tables to the next; never edited once it is released.

    Attributes:
        statements: of SQL, in their order.
        breaks: releases that know only the versions before cannot serve the result.
    """

    statements: tuple[str, ...]
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """The version of an abstraction's tables.

    Attributes:
        number: how many migrations made them; 0 where there are none.
        compatible_from: a release that knows this version, or a later one, can serve them.
    """

    number: int = 0
    compatible_from: int = 0

    @classmethod
    def of(cls, migrations: Sequence[Migration]) -> "Version":
        """The version that the migrations lead to."""
        breaking = [number for number, each in enumerate(migrations, 1) if each.breaks]
        return cls(len(migrations), max([1, *breaking]))


Migrations = Mapping[str, Sequence[Migration]]
"""Those of a store, by abstraction; at index n what leads from version n to n + 1."""

Versions = Mapping[str, Version]
"""What is in a store, by abstraction; of abstractions that this release does not know too."""


def pending(migrations: Migrations, found: Versions, store: str) -> list[str]:
    """The statements that bring a store up to date; empty where it is, or is newer and can be served.

    Args:
        migrations: what this release knows.
        found: what is in the store.
        store: its name, to begin a sentence with.

    Raises:
        FailedPrecondition: the store is newer than this release can serve.
    """
    statements: list[str] = []
    for abstraction, steps in migrations.items():
        version = found.get(abstraction, Version())
        if version.compatible_from > len(steps):
            raise FailedPrecondition(
                f"{store}: the tables of {abstraction} have schema version {version.number}, which needs a release "
                f"that knows version {version.compatible_from}; this one knows {len(steps)}: run the newer release "
                "again, or use another store"
            )
        if version.number > len(steps):
            log.info(
                "%s: the tables of abstraction %s have schema version %d; this release knows version %d and can serve "
                "them",
                store, abstraction, version.number, len(steps),
            )  # fmt: skip
        for step in steps[version.number :]:
            statements += step.statements
    return statements


def reached(migrations: Migrations, found: Versions) -> Versions:
    """What is in a store after its `pending` statements; what was newer stays as it is."""
    known = {abstraction: Version.of(steps) for abstraction, steps in migrations.items()}
    newer = {
        abstraction: version
        for abstraction, version in found.items()
        if abstraction not in known or version.number > known[abstraction].number
    }
    return known | newer
