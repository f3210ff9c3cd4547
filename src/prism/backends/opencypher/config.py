"""Configuration of the opencypher backend; imports no driver, so that it can be checked where none is installed."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from prism.sdk import Config

SCHEMES = ("bolt", "neo4j", "bolt+s", "neo4j+s")


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in SCHEMES or not url.hostname or url.query or url.fragment or url.path.strip("/"):
        raise ValueError(
            f"{text.rpartition('@')[2]!r} is not the URL of a server; write neo4j+s://host:7687, or bolt+s for a "
            "server that is not part of a cluster, without +s where it has no TLS"
        )
    if "@" in url.netloc:
        raise ValueError("the URL must not hold a user or password; give them as credentials")
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_url)]


class OpenCypherCredentials(Config):
    """Who the gateway is to the server.

    Attributes:
        username: of the gateway's user.
        password: of that user; none where the server asks for none.
        query_username: of the user that statements of callers run as; unless given the gateway's own.
        query_password: of that user.
    """

    username: str = "neo4j"
    password: SecretStr | None = None
    query_username: str | None = None
    query_password: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.query_password is None) != (self.query_username is None):
            raise ValueError("query_username and query_password of backend opencypher belong together; give both")
        return self


class OpenCypherConfig(Config):
    """Options of the opencypher backend.

    Attributes:
        url: of the server, or of one server of a cluster: neo4j+s://host:7687.
        database: on it; unset: the server's default one.
        prefix: begins the names under which namespaces are kept, so that several gateways' may share a database.
        query: what callers may do with statements of their own; then the database is one namespace's alone.
        query_idle_timeout: seconds after which a Query is ended whose caller takes no row.
        connections: to each server, at most.
        connect_timeout: seconds that a connection may take.
        statement_timeout: seconds that a statement may take where its caller sets no deadline.
        ca: file of the certificates that the server's are verified by; unset: the system's.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
        verify_hostname: a server's certificate must name the host that was dialled.
    """

    url: Url = "bolt://localhost:7687"
    database: str | None = Field(default=None, min_length=3, max_length=63)
    prefix: str = Field(default="", max_length=63)
    query: Literal["off", "read", "write"] = "off"
    query_idle_timeout: float = Field(default=60.0, gt=0, le=3600)
    connections: int = Field(default=32, ge=2, le=1000)
    connect_timeout: float = Field(default=5.0, gt=0, le=300)
    statement_timeout: float = Field(default=60.0, gt=0, le=86_400)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify_hostname: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key of backend opencypher belong together; give both or neither")
        if (self.ca or self.certificate) and not self.secure:
            raise ValueError("ca, certificate and key need a URL with TLS: bolt+s or neo4j+s")
        return self

    @property
    def secure(self) -> bool:
        """Connections are by TLS."""
        return self.url.partition("://")[0].endswith("+s")

    @property
    def routed(self) -> bool:
        """Statements go to any server of a cluster that they may go to."""
        return self.url.startswith("neo4j")

    @property
    def identity(self) -> str:
        """Names the store without anything secret: the server, the database and the prefix."""
        return f"opencypher:{self.url}/{self.database or ''}/{self.prefix}"
