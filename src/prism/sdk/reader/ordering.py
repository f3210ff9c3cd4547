"""From the sort that a caller asks for to one that tells every row apart, and to the index that serves it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prism.errors import IndexMissing, InvalidArgument, Violation
from prism.interfaces import reader as r
from prism.sdk.reader.collection import Collection, Column, Index, IndexField


@dataclass(frozen=True, slots=True)
class OrderedField:
    """A field that rows are sorted by.

    Attributes:
        column: which.
        descending: from the largest.
        nulls_first: where nulls come.
        index_nulls_first: where the index has them; the same but for the first field of a split ordering.
    """

    column: Column
    descending: bool
    nulls_first: bool
    index_nulls_first: bool

    def __str__(self) -> str:
        direction = "desc" if self.descending else "asc"
        nulls = f" nulls {'first' if self.nulls_first else 'last'}" if self.column.nullable else ""
        return f"{self.column.name} {direction}{nulls}"

    @property
    def beyond(self) -> str:
        """The operator of what comes behind a value."""
        return self.column.below if self.descending else self.column.above


@dataclass(frozen=True, slots=True)
class Ordering:
    """How rows are sorted.

    Attributes:
        fields: by which; those that EQ tests fix are left out.
        complete: no two rows are alike in all of them.
        split: nulls of the first field come where its index does not have them, so that they are a range of their own.
    """

    fields: tuple[OrderedField, ...]
    complete: bool
    split: bool = False

    def __str__(self) -> str:
        return ", ".join(map(str, self.fields))


def ordering_of(collection: Collection, sort: Sequence[r.Sort], fixed: frozenset[str]) -> Ordering:
    """The ordering of a read.

    Args:
        collection: what is read.
        sort: as the caller asks.
        fixed: the columns of which EQ tests leave one value.

    Raises:
        InvalidArgument: a field is unknown, named twice, or cannot be sorted.
        IndexMissing: no index serves it, and one must.
    """
    _check(collection, sort)
    wanted = [each for each in sort if each.field not in fixed]
    known = fixed | {each.field for each in wanted}
    apart = any(each <= known for each in collection.unique)
    rest = [] if apart else [name for name in collection.key if name not in known]
    complete = apart or bool(collection.key)
    found = [each for index in collection.indexes for each in _served(collection, index, wanted, rest, fixed, complete)]
    if found:
        return min(found, key=lambda each: each.split)
    if collection.indexes_only and (wanted or rest):
        raise _missing(collection, wanted, rest, fixed)
    fields = [_by_itself(collection, each) for each in wanted]
    fields += [_by_itself(collection, r.Sort(field=name)) for name in rest]
    return Ordering(tuple(fields), complete)


def _check(collection: Collection, sort: Sequence[r.Sort]) -> None:
    seen: set[str] = set()
    for number, each in enumerate(sort):
        where, column = f"sort[{number}].field", collection.columns.get(each.field)
        shown = repr(each.field[:40])
        if column is None:
            raise refusal(where, shown, f"known are {known_names(collection)}")
        if not column.position:
            raise refusal(where, shown, f"values of type {column.store_type} have no order; sort by another field")
        if each.field in seen:
            raise refusal(where, shown, "each field may appear once")
        if each.nulls not in r.Nulls.values():
            raise refusal(f"sort[{number}].nulls", str(each.nulls), "first or last is allowed")
        seen.add(each.field)


def _served(
    collection: Collection,
    index: Index,
    wanted: Sequence[r.Sort],
    rest: Sequence[str],
    fixed: frozenset[str],
    complete: bool,
) -> Iterator[Ordering]:
    """The ordering by an index read forwards, and by it read backwards, where it serves."""
    for backwards in (False, True):
        fields: list[OrderedField] = []
        left, missing, split = list(wanted), set(rest), False
        for each in index.fields:
            if each.name in fixed:
                continue
            if not left and not missing:
                break
            column = collection.columns.get(each.name)
            if column is None or not column.position:
                break
            descending, nulls_first = each.descending != backwards, each.nulls_first != backwards
            if left:
                if left[0].field != each.name or left[0].descending != descending:
                    break
                asked = _nulls_first(left.pop(0), nulls_first)
                if column.nullable and asked != nulls_first:
                    if fields:
                        left.append(r.Sort())
                        break
                    split = True
                fields.append(OrderedField(column, descending, asked, nulls_first))
            elif each.name in missing:
                missing.remove(each.name)
                fields.append(OrderedField(column, descending, nulls_first, nulls_first))
            else:
                break
        if not left and not missing:
            yield Ordering(tuple(fields), complete, split)


def _nulls_first(sort: r.Sort, usual: bool) -> bool:
    return usual if sort.nulls == r.Nulls.READER_NULLS_UNSPECIFIED else sort.nulls == r.NULLS_FIRST


def _by_itself(collection: Collection, sort: r.Sort) -> OrderedField:
    """A field that the store sorts without an index."""
    column = collection.columns[sort.field]
    nulls_first = _nulls_first(sort, collection.nulls_first[sort.descending])
    return OrderedField(column, sort.descending, nulls_first, nulls_first)


def _missing(
    collection: Collection, wanted: Sequence[r.Sort], rest: Sequence[str], fixed: frozenset[str]
) -> IndexMissing:
    usual = collection.nulls_first
    parts = [IndexField(name) for name in sorted(fixed) if collection.columns[name].looked_up]
    for each in wanted:
        parts.append(IndexField(each.field, each.descending, _nulls_first(each, usual[each.descending])))  # noqa: PERF401
    parts += [IndexField(name, nulls_first=usual[False]) for name in rest]
    texts = []
    for part in parts:
        column = collection.columns[part.name]
        text = column.sql.removeprefix("t.") + (" DESC" if part.descending else "")
        if collection.index_nulls and column.nullable and part.nulls_first != usual[part.descending]:
            text += f" NULLS {'FIRST' if part.nulls_first else 'LAST'}"
        texts.append(text)
    return IndexMissing(
        f"no index serves this sort of {collection.name}; make one: CREATE INDEX ON {collection.table} "
        f"({', '.join(texts)}), sort by what Describe lists, or set indexes_only: false"
    )


def known_names(collection: Collection) -> str:
    """The columns of a collection, for a refusal."""
    names = sorted(collection.columns)
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")


def refusal(field: str, found: str, limit: str) -> InvalidArgument:
    """The refusal of a field of a request."""
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])
