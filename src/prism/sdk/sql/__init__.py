"""Sql for plugins: `StoredSql` serves it from a `SqlStore`, which runs statements on one store."""

from prism.sdk.sql.store import READS, Access, Answer, SqlStore, Statement, misfit, require_size
from prism.sdk.sql.stored_sql import StoredSql

__all__ = ["READS", "Access", "Answer", "SqlStore", "Statement", "StoredSql", "misfit", "require_size"]
