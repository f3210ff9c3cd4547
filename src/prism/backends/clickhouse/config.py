"""Configuration of the clickhouse backend; imports no driver, so that it can be checked where none is installed."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from prism.sdk import Config
from prism.sdk.timeseries.options import SeriesOptions


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise ValueError(f"{text.rpartition('@')[2]!r} is not the URL of a server; write https://host:8443")
    if "@" in url.netloc:
        raise ValueError("the URL must not hold a user or password; give them as credentials")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class ClickHouseCredentials(Config):
    """Who the gateway is to ClickHouse.

    Attributes:
        username: of the gateway's user.
        password: of that user; none where it is known by its certificate.
        sql_username: of the user that statements of callers run as; unless given the gateway's own.
        sql_password: of that user.
    """

    username: str = "default"
    password: SecretStr | None = None
    sql_username: str | None = None
    sql_password: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.sql_password is not None and self.sql_username is None:
            raise ValueError("sql_password of backend clickhouse belongs to sql_username; give both, or neither")
        return self


class ClickHouseConfig(Config):
    """Options of the clickhouse backend.

    Attributes:
        urls: of the HTTP interface of one server, or of replicas of one cluster: who does not answer is passed over.
        database: that Prism keeps its own tables in; made at the start. With `sql` and without `sql_database` it is
            Sql's alone, and there is no TimeSeries.
        cluster: on which those tables are made, replicated; unset: on one server.
        sql: what callers may do with statements of their own.
        sql_database: the database of those statements, beside Prism's own.
        connections: to all servers, at most.
        connect_timeout: seconds that a connection may take.
        statement_timeout: seconds that a statement may take where its caller sets no deadline.
        ca: file of the certificates that the servers' are verified by; unset: the system's.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
        verify_hostname: a server's certificate must name the host that was dialled.
        sweep_interval: seconds between removals of events that are beyond retention.
        timeseries: of TimeSeries.
    """

    urls: tuple[Url, ...] = Field(default=("http://localhost:8123",), min_length=1)
    database: Name = "prism"
    cluster: Name | None = None
    sql: Literal["off", "read", "write"] = "off"
    sql_database: Name | None = None
    connections: int = Field(default=32, ge=2, le=1000)
    connect_timeout: float = Field(default=5.0, gt=0, le=300)
    statement_timeout: float = Field(default=60.0, gt=0, le=86_400)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify_hostname: bool = True
    sweep_interval: float = Field(default=60.0, gt=0, le=86_400)
    timeseries: SeriesOptions = SeriesOptions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key of backend clickhouse belong together; give both or neither")
        if (self.ca or self.certificate) and any(each.startswith("http:") for each in self.urls):
            raise ValueError("ca, certificate and key need URLs of https")
        if self.sql_database == self.database:
            raise ValueError("sql_database is beside database, where Prism keeps its tables; give it another one")
        return self

    @property
    def for_sql_alone(self) -> bool:
        """Callers' statements reach `database`, so that Prism keeps nothing there."""
        return self.sql != "off" and self.sql_database is None

    @property
    def identity(self) -> str:
        """Names the store without anything secret: its servers in any order, and the database."""
        return f"clickhouse:{','.join(sorted(self.urls))}/{self.database}"
