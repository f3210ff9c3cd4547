"""`prism sql`: statements of SQL through a gateway."""

from prism.cli.sql.command import sql

__all__ = ["sql"]
