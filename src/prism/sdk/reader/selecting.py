"""What a request asks for: columns, filter and sort, looked up in the collection as it is."""

from collections.abc import Sequence
from typing import TypeGuard

from prism.interfaces import reader as r
from prism.interfaces.filter import NUMBERS, Filter, Op
from prism.interfaces.value import Kind, kind_of
from prism.sdk.filters import All, FieldTest, Operand, Resolved, resolve
from prism.sdk.reader.collection import Collection, Column
from prism.sdk.reader.ordering import known_names, ordering_of, refusal
from prism.sdk.reader.statements import Selection

_BOUNDS = frozenset({Op.LT, Op.LE, Op.GT, Op.GE})


def selection_of(request: r.ReadRequest | r.ReadPageRequest, collection: Collection) -> Selection:
    """What a read asks for.

    Raises:
        InvalidArgument: of something that the collection does not have.
        IndexMissing: no index serves the sort.
    """
    columns = columns_of(request.fields, collection)
    parts = _parts(filter_of(request, collection))
    fixed = [each for each in parts if isinstance(each, FieldTest) and _fixes(each, collection)]
    names = frozenset(each.field.name for each in fixed)
    ordering = ordering_of(collection, request.sort, names)
    first = ordering.fields[0].column.name if ordering.fields else ""
    within: list[FieldTest] = [*fixed, *(each for each in parts if _bounds(each, first, collection))]
    rest = tuple(each for each in parts if each not in within)
    return Selection(collection, columns, ordering, within, All(rest) if rest else None)


def columns_of(fields: Sequence[str], collection: Collection) -> Sequence[Column]:
    """The columns of that name; all where none is named."""
    found = []
    for number, name in enumerate(fields):
        column = collection.columns.get(name)
        if column is None:
            raise refusal(f"fields[{number}]", repr(name[:40]), f"known are {known_names(collection)}")
        found.append(column)
    return found or [*collection.columns.values()]


def filter_of(request: r.ReadRequest | r.ReadPageRequest | r.CountRequest, collection: Collection) -> Resolved | None:
    """The filter of a request; None without one."""
    given: Filter = request.filter
    return resolve(given, collection.fields) if request.HasField("filter") else None


def key_of(key: r.Row, number: int, collection: Collection) -> Resolved:
    """The test that a row has a key.

    Raises:
        InvalidArgument: it is none of the collection.
    """
    names = collection.key
    if not names:
        raise refusal("collection", repr(collection.name[:40]), "it has no key; give it one in the configuration")
    if len(key.values) != len(names):
        raise refusal(f"keys[{number}].values", f"{len(key.values)} values", f"the key is ({', '.join(names)})")
    tests = []
    for place, (name, value) in enumerate(zip(names, key.values, strict=True)):
        where = f"keys[{number}].values[{place}]"
        if kind_of(value) is Kind.NULL:
            raise refusal(where, "null", "no part of a key is null")
        field, operand = collection.columns[name].field, Operand.of(value)
        if field.declared not in {None, operand.kind} and not {field.declared, operand.kind} <= NUMBERS:
            raise refusal(where, f"a value of kind {operand.kind}", f"{name} is of kind {field.declared}")
        tests.append(FieldTest(field, Op.EQ, (operand,)))
    return All(tuple(tests))


def _parts(filter: Resolved | None) -> list[Resolved]:  # noqa: A002 - the abstraction's own word
    """What must all be true."""
    if filter is None:
        return []
    if isinstance(filter, All):
        return [part for each in filter.parts for part in _parts(each)]
    return [filter]


def _fixes(test: FieldTest, collection: Collection) -> bool:
    """Whether the test leaves one value of its column, by which an index finds the rows."""
    return test.op is Op.EQ and collection.columns[test.field.name].looked_up


def _bounds(part: Resolved, first: str, collection: Collection) -> TypeGuard[FieldTest]:
    """Whether the part delimits the field that rows are sorted by first."""
    if not isinstance(part, FieldTest) or part.field.name != first or part.op not in _BOUNDS:
        return False
    return collection.columns[first].looked_up
