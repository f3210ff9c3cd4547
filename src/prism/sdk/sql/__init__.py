"""Sql for plugins: `StoredSql` serves it from a `SqlStore`, which runs statements on one store."""

from prism.sdk.sql.store import READS, Access, Answer, Room, SqlStore, Statement, misfit, too_many_alone
from prism.sdk.sql.stored_sql import StoredSql

__all__ = ["READS", "Access", "Answer", "Room", "SqlStore", "Statement", "StoredSql", "misfit", "too_many_alone"]
