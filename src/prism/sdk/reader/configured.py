"""What the configuration makes of a table that a store has described: the columns, the key and what is unique."""

from collections.abc import Mapping, Sequence

from prism.errors import FailedPrecondition
from prism.sdk.reader.collection import Column
from prism.sdk.reader.options import CollectionOptions


def configured(
    name: str,
    table: str,
    options: CollectionOptions,
    every: Mapping[str, Column],
    primary: Sequence[str],
    unique: Sequence[frozenset[str]],
) -> tuple[dict[str, Column], tuple[str, ...], tuple[frozenset[str], ...]]:
    """The columns that exist for callers, the key, and the sets of columns that are unique.

    Args:
        name: of the collection.
        table: as an operator knows it.
        options: of the collection.
        every: column that the table has.
        primary: the columns of its primary key.
        unique: sets of columns that an index makes unique, none of them null.

    Raises:
        FailedPrecondition: the table has not what the options say.
    """
    if lost := [each for each in (*options.columns, *options.key) if each not in every]:
        raise FailedPrecondition(
            f"collection {name}: {table} has no column {', '.join(lost)}; correct the configuration"
        )
    columns = {each: every[each] for each in every if not options.columns or each in options.columns}
    key = tuple(options.key or primary)
    if options.unique == "trusted":
        unique = (*unique, frozenset(options.key))
    elif key and not any(each <= set(key) for each in unique):
        raise FailedPrecondition(
            f"collection {name}: no unique index over columns that are NOT NULL covers the key ({', '.join(key)}); "
            "make one, or set unique: trusted if you vouch for it"
        )
    return columns, key if all(each in columns for each in key) else (), tuple(unique)
