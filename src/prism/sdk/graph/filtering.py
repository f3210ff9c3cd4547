"""Filters over properties, of which none is declared: each node or edge decides what it has, and of what kind."""

from collections.abc import Iterator, Mapping
from typing import Final

from google.protobuf.message import Message

from prism.interfaces.value import Kind, Value
from prism.sdk.filters import Field, Resolved, matches, resolve

_COLUMNS: Final[Mapping[Kind, str]] = dict.fromkeys((kind for kind in Kind if kind is not Kind.NULL), "")


class _EveryName(Mapping[str, Field]):
    """A field for whatever name a filter has."""

    def __getitem__(self, name: str) -> Field:
        return Field(name, _COLUMNS)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def get(self, name: str, default: object = None) -> Field:
        del default
        return self[name]


_FIELDS: Final = _EveryName()


def resolved(message: Message, field: str, path: str) -> Resolved | None:
    """The filter of that field; None where it is not set."""
    if not message.HasField(field):
        return None
    return resolve(getattr(message, field), _FIELDS, path=path)


def passes(filter: Resolved | None, properties: Mapping[str, Value]) -> bool:  # noqa: A002 - the abstraction's own word
    """Whether the filter, where there is one, is true of the properties."""
    return filter is None or matches(filter, properties)
