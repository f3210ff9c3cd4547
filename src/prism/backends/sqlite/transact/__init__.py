"""Transact on SQLite: rows of a file that is there already, and mailboxes beside them in the same file."""
