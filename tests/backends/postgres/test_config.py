"""What a namespace's configuration may say, and what it amounts to."""

from typing import Any

import pytest
from pydantic import ValidationError

from prism.backends.postgres.config import PostgresConfig, PostgresCredentials


@pytest.mark.parametrize(
    ("options", "identity"),
    [
        ({}, "postgres:localhost:5432/postgres/prism"),
        ({"host": "DB", "port": 6432, "database": "d", "schema": "s"}, "postgres:db:6432/d/s"),
        ({"host": "/run/postgresql"}, "postgres:/run/postgresql:5432/postgres/prism"),
        ({"connection_string": "postgresql://u:p@DB/d"}, "postgres:db:5432/d/prism"),
        ({"connection_string": "postgres://u:p%40@db:6432/d?sslmode=require"}, "postgres:db:6432/d/prism"),
        ({"connection_string": "postgresql://u@b,a:6432/d"}, "postgres:a:6432,b:5432/d/prism"),
        ({"connection_string": "postgresql://u@[::1]:6432/d"}, "postgres:[::1]:6432/d/prism"),
        ({"connection_string": "postgresql://u@/d?host=/tmp/x&port=7"}, "postgres:/tmp/x:7/d/prism"),
        ({"connection_string": "postgresql://u@%2Ftmp%2Fx/d"}, "postgres:/tmp/x:5432/d/prism"),
        ({"connection_string": "postgresql://u@"}, "postgres:localhost:5432/u/prism"),
        ({"connection_string": "postgresql://u@a,b/d?port=1,2"}, "postgres:a:1,b:2/d/prism"),
        ({"connection_string": "postgresql://u@/d?host=a,b:7&port=1"}, "postgres:a:1,b:7/d/prism"),
        ({"connection_string": "postgresql://u@a/d?host=b"}, "postgres:a:5432/d/prism"),
    ],
)
def test_the_identity_names_the_store_without_secrets(options: dict[str, Any], identity: str):
    """Host, port, database and schema with their defaults; the account is no part of it."""
    assert PostgresConfig(**options).identity == identity


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("postgresql://u@b,A:7/d", [("b", None), ("A", 7)]),
        ("postgresql://u@[::1]:7,[::2]/d", [("::1", 7), ("::2", None)]),
        ("postgresql://u@%2Ftmp%2Fx/d?port=7", [("/tmp/x", 7)]),
        ("postgresql://u@/d", [("", None)]),
    ],
)
def test_hosts_are_asked_in_the_order_given(url: str, addresses: list[tuple[str, int | None]]):
    """Each with its own port, or none where the driver's default rules."""
    assert PostgresConfig(connection_string=url).addresses == addresses


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"connection_string": "mysql://u:hunter2@db/d"}, "write postgresql://"),
        ({"connection_string": "postgresql://u:hunter2@[db/d"}, "write postgresql://"),
        ({"connection_string": "postgresql://u:hunter2@db/d", "host": "db"}, "already gives host"),
        ({"schema": 'x"; DROP TABLE items; --'}, "schema"),
        ({"schema": "pg_catalog"}, "reserved by PostgreSQL"),
        ({"pool_size": 8}, "greater than or equal to 9"),
        ({"ca": "ca.pem", "sslmode": "require"}, "ca needs sslmode"),
        ({"certificate": "c.pem"}, "belong together"),
        ({"pool": 7}, "pool"),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(options: dict[str, Any], sentence: str):
    """The message names the field and what is allowed, and never shows a password."""
    with pytest.raises(ValidationError) as caught:
        PostgresConfig(**options)
    message = str(caught.value.errors(include_input=False, include_context=False))
    assert sentence in message
    assert "hunter2" not in message


def test_secrets_are_not_shown():
    """Neither a password nor a connection string, which may hold one, is in any representation."""
    config = PostgresConfig(connection_string="postgresql://u:hunter2@db/d")
    credentials = PostgresCredentials(username="u", password="hunter2")
    assert "hunter2" not in f"{config!r} {config} {config.model_dump_json()} {credentials!r} {config.identity}"
    assert "hunter2" not in credentials.model_dump_json()
