"""Changes of rows as an application writes them: plain Python values by column, filters of `prism.client.filters`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prism.client.values import Plain, to_value
from prism.interfaces import transact as t
from prism.interfaces.filter import Filter

Row = Mapping[str, Plain]
"""Values by the names of their columns."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a collection; `insert`, `update`, `upsert` and `delete` make one."""

    message: t.Data


@dataclass(frozen=True, slots=True)
class Mail:
    """A message for a mailbox.

    Attributes:
        mailbox: where it goes.
        payload: its content.
        ordering_key: messages of one key stay in the order of their commits.
        attributes: notes on the payload, at most 64 and 8 KiB in all.
    """

    mailbox: str
    payload: bytes = b""
    ordering_key: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def message(self) -> t.Mail:
        """As it travels."""
        return t.Mail(
            mailbox=self.mailbox, payload=self.payload, ordering_key=self.ordering_key, attributes=self.attributes
        )


def insert(collection: str, record: Row) -> Change:
    """A new row."""
    return _change(t.Op.TRANSACT_OP_INSERT, collection, record, {}, None, None)


def update(
    collection: str, record: Row, *, key: Row | None = None, where: Filter | None = None, expect: int | None = None
) -> Change:
    """The rows of a key or a filter get what is in the record; another number of them than expected fails the whole."""
    return _change(t.Op.TRANSACT_OP_UPDATE, collection, record, key or {}, where, expect)


def upsert(collection: str, key: Row, record: Row) -> Change:
    """The row of a key, new or changed; the key is that of a unique index."""
    return _change(t.Op.TRANSACT_OP_UPSERT, collection, record, key, None, None)


def delete(
    collection: str, *, key: Row | None = None, where: Filter | None = None, expect: int | None = None
) -> Change:
    """The rows of a key or a filter go; another number of them than expected fails the whole."""
    return _change(t.Op.TRANSACT_OP_DELETE, collection, {}, key or {}, where, expect)


def _change(op: t.Op, collection: str, record: Row, key: Row, where: Filter | None, expect: int | None) -> Change:
    message = t.Data(collection=collection, op=op, where=where, expect_rows=expect)
    for name, value in record.items():
        message.record[name].CopyFrom(to_value(value))
    for name, value in key.items():
        message.key[name].CopyFrom(to_value(value))
    return Change(message)
