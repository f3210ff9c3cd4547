"""Configuration of the postgres backend; imports no driver, so that it can be checked where none is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from prism.sdk import Config
from prism.sdk.pubsub import PubSubOptions
from prism.sdk.queue import QueueOptions
from prism.sdk.reader.options import ReaderOptions
from prism.sdk.sql import Access
from prism.sdk.timeseries import SeriesOptions
from prism.sdk.transact.options import TransactOptions

_PORT = 5432

Address = tuple[str, int | None]
"""A host, or the folder of a unix socket, and its port where one is given."""

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class PostgresCredentials(Config):
    """The gateway's login at PostgreSQL; options set here win over the connection string.

    Attributes:
        username: the role; unset: the connection string's, else PGUSER, else the operating system's account.
        password: unset: the connection string's, else PGPASSWORD or the password file.
    """

    username: str | None = None
    password: SecretStr | None = None


class PostgresPubSubOptions(PubSubOptions):
    """Options of PubSub.

    Attributes:
        by: `log` keeps every message for `retention`, and a subscription may begin in the past; `notify` keeps none:
            messages go by LISTEN and NOTIFY, are of at most 6,000 bytes with their topic and attributes, and commits
            that notify wait for each other. `pubsub: notify` is the same.
    """

    by: Literal["log", "notify"] = "log"


class PostgresConfig(Config):
    """Options of the postgres backend.

    Attributes:
        connection_string: `postgresql://user:password@host:port/database?options`, several hosts allowed: the primary
            among them is used, and found again after a failover. Instead of host, port and database.
        host: name, address, or the folder of a unix socket.
        port: TCP port.
        database: it must exist; its tables are made in `schema`.
        schema_name: `schema` in configuration: the PostgreSQL schema that holds the tables. Created when absent.
        pool_size: most connections that one gateway opens, at least 9; two more listen while
            consumers of Queue and subscribers wait.
        connect_timeout: seconds.
        statement_timeout: seconds that one statement may take in the store.
        lock_timeout: seconds that a write waits for another transaction's lock.
        durability: `synced` acknowledges a write when it is on disk, and on that of the synchronous standbys where
            PostgreSQL has any (`synchronous_standby_names`): a failover to another standby may lose it. `store`
            acknowledges it when PostgreSQL has it in memory.
        sweep_interval: seconds between two searches for expired items, which free their space.
        queue: of Queue.
        pubsub: of PubSub; `log` or `notify` alone is its `by`.
        reader: of Reader, which opens up to 8 sessions beyond `pool_size`; its `collections` name the tables of the
            database that are read.
        timeseries: of TimeSeries.
        transact: of Transact; its `collections` name the tables of the database that may be written to. It opens
            sessions beyond `pool_size` for transactions, at most 8 and `max_interactive`.
        sql: what callers may do with statements of their own: nothing (`off`), `read`, or `write`.
        sql_connection_string: the database on which those run, with the login of a role of its own. Unset: the database
            above, which is then for Sql alone: Prism makes no tables in it, and serves no other abstraction on it.
        sql_sessions: most connections for them, beyond `pool_size`.
        sql_idle_timeout: seconds after which a Query is ended whose caller takes no row.
        sslmode: as libpq's; unset: the connection string's, else `prefer`.
        ca: file of the certificates that the server's is verified by; with `verify-ca` or `verify-full`.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
    """

    connection_string: SecretStr | None = None
    host: str = "localhost"
    port: int = Field(default=_PORT, ge=1, le=65535)
    database: str = Field(default="postgres", min_length=1)
    schema_name: str = Field(default="prism", alias="schema", pattern="^[a-z_][a-z0-9_]{0,62}$")
    pool_size: int = Field(default=12, ge=9, le=200)
    connect_timeout: float = Field(default=5.0, gt=0)
    statement_timeout: float = Field(default=30.0, ge=0.001)
    lock_timeout: float = Field(default=5.0, ge=0.001)
    durability: Literal["synced", "store"] = "synced"
    sweep_interval: float = Field(default=5.0, gt=0)
    queue: QueueOptions = QueueOptions()
    pubsub: PostgresPubSubOptions = PostgresPubSubOptions()
    reader: ReaderOptions = ReaderOptions()
    timeseries: SeriesOptions = SeriesOptions()
    transact: TransactOptions = TransactOptions()
    sql: Access = "off"
    sql_connection_string: SecretStr | None = None
    sql_sessions: int = Field(default=8, ge=1, le=200)
    sql_idle_timeout: float = Field(default=60.0, gt=0, le=3600)
    sslmode: SslMode | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @field_validator("pubsub", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return {"by": value} if isinstance(value, str) else value

    @field_validator("schema_name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value.startswith("pg_") or value == "information_schema":
            raise ValueError(f"{value!r} is reserved by PostgreSQL; choose another name")
        return value

    @field_validator("sql", mode="before")
    @classmethod
    def _off(cls, value: object) -> object:
        """YAML reads `off` as false."""
        return "off" if value is False else value

    @field_validator("connection_string", "sql_connection_string")
    @classmethod
    def _is_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _split(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        doubled = sorted(self.model_fields_set & {"host", "port", "database"})
        if self.connection_string is not None and doubled:
            raise ValueError(f"connection_string already gives {', '.join(doubled)}; give one or the other")
        if self.ca is not None and self.sslmode not in {"verify-ca", "verify-full"}:
            raise ValueError("ca needs sslmode verify-ca or verify-full; set one of them, or leave ca out")
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                "the options certificate and key of backend postgres belong together; give both or neither"
            )
        return self

    @property
    def for_sql_alone(self) -> bool:
        """Whether the database is one of tables that are there already, in which Prism makes none."""
        return self.sql != "off" and self.sql_connection_string is None

    def of_sql(self, credentials: PostgresCredentials) -> tuple[Self, PostgresCredentials]:
        """How callers' statements connect."""
        if self.sql_connection_string is None:
            return self, credentials
        return self.model_copy(update={"connection_string": self.sql_connection_string}), PostgresCredentials()

    @property
    def addresses(self) -> Sequence[Address]:
        """The hosts in the order given; an empty one is the driver's default."""
        if self.connection_string is None:
            return [(self.host, self.port)]
        url, options = self._parts(self.connection_string)
        given = url.netloc.rpartition("@")[2]
        hosts = unquote(given or options.get("host", "")).split(",")
        ports = options.get("port", "").split(",")
        if len(ports) < len(hosts):
            ports = ports[:1] * len(hosts)
        return [_host_and_port(*pair) for pair in zip(hosts, ports, strict=False)]

    @property
    def identity(self) -> str:
        """Names the store without anything secret: hosts in any order, database and schema."""
        database = self.database
        if self.connection_string is not None:
            url, options = self._parts(self.connection_string)
            user = options.get("user") or unquote(url.username or "")
            database = unquote(url.path.lstrip("/")) or options.get("database") or options.get("dbname") or user
        named = (f"{_bracketed(host).lower() or 'localhost'}:{port or _PORT}" for host, port in self.addresses)
        return f"postgres:{','.join(sorted(named))}/{database}/{self.schema_name}"

    def _parts(self, secret: SecretStr) -> tuple[SplitResult, dict[str, str]]:
        url = _split(secret)
        return url, {name: values[-1] for name, values in parse_qs(url.query).items()}


def _split(secret: SecretStr) -> SplitResult:
    """Raises `ValueError` without the text, which may hold a password."""
    try:
        url = urlsplit(secret.get_secret_value())
    except ValueError:
        raise ValueError("not a URL; write postgresql://user@host:port/database") from None
    if url.scheme not in {"postgresql", "postgres"}:
        raise ValueError("not a PostgreSQL URL; write postgresql://user@host:port/database")
    return url


def _host_and_port(host: str, port: str) -> Address:
    if host.startswith("["):
        host, _, own = host[1:].partition("]")
        own = own.removeprefix(":")
    elif host.startswith("/"):
        own = ""
    else:
        host, _, own = host.partition(":")
    number = own or port
    return host, int(number) if number.isdecimal() else None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("/") else host
