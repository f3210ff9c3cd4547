"""Transact for plugins: `StoredTransact` serves it from a `TransactStore`, which is all that a backend writes."""

from prism.sdk.transact.changes import Binder, Change, change_of
from prism.sdk.transact.options import CollectionOptions, TransactOptions
from prism.sdk.transact.store import (
    DeadMail,
    Lease,
    Mail,
    MailboxConfig,
    MailboxInfo,
    MailPage,
    ReaderInfo,
    TransactStore,
    Work,
)
from prism.sdk.transact.stored_transact import StoredTransact
from prism.sdk.transact.tables import Column, Table

__all__ = [
    "Binder",
    "Change",
    "CollectionOptions",
    "Column",
    "DeadMail",
    "Lease",
    "Mail",
    "MailPage",
    "MailboxConfig",
    "MailboxInfo",
    "ReaderInfo",
    "StoredTransact",
    "Table",
    "TransactOptions",
    "TransactStore",
    "Work",
    "change_of",
]
