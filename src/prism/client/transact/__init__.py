"""Transact for applications: rows and the messages about them in one transaction, mailboxes and their readers."""

from prism.client.transact.changes import Change, Mail, delete, insert, update, upsert
from prism.client.transact.mailbox import (
    DeadMail,
    MailboxDescription,
    MailboxMessage,
    ReaderDescription,
    ReaderLease,
)
from prism.client.transact.transact import Transact, WriteResult
from prism.client.transact.transaction import Transaction, TransactionAborted

__all__ = [
    "Change",
    "DeadMail",
    "Mail",
    "MailboxDescription",
    "MailboxMessage",
    "ReaderDescription",
    "ReaderLease",
    "Transact",
    "Transaction",
    "TransactionAborted",
    "WriteResult",
    "delete",
    "insert",
    "update",
    "upsert",
]
