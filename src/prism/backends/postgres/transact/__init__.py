"""Transact on PostgreSQL: rows of tables that are there already, mailboxes in Prism's schema of the same database."""
