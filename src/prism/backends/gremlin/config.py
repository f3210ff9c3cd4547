"""Configuration of the gremlin backend; imports no driver, so that it can be checked where none is installed."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from prism.sdk import Config


def _url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"ws", "wss"} or not url.hostname or url.query or url.fragment:
        raise ValueError(f"{text.rpartition('@')[2]!r} is not the URL of a server; write wss://host:8182/gremlin")
    if "@" in url.netloc:
        raise ValueError("the URL must not hold a user or password; give them as credentials")
    return text


Url = Annotated[str, AfterValidator(_url)]


class GremlinCredentials(Config):
    """Who the gateway is to the server.

    Attributes:
        username: for a server that asks for one (SASL PLAIN).
        password: of that user.
        access_key_id: of an AWS account, for `login: aws`; unless given, the account is looked for where AWS's tools
            look: the environment, a shared file, a web identity, the machine's role.
        secret_access_key: of that key.
        session_token: where the key is a temporary one.
    """

    username: str | None = None
    password: SecretStr | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for one, other in (("username", "password"), ("access_key_id", "secret_access_key")):
            if (getattr(self, one) is None) != (getattr(self, other) is None):
                raise ValueError(f"{one} and {other} of backend gremlin belong together; give both or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token of backend gremlin belongs to access_key_id; give both, or neither")
        return self


class GremlinConfig(Config):
    """Options of the gremlin backend.

    Attributes:
        url: of the server's WebSocket: `ws://`, or `wss://` for TLS.
        source: the server's name for the graph: of its traversal source.
        prefix: in front of each namespace in the ids of vertices, where installations share a graph.
        login: `password` answers the server with username and password; `aws` signs each connection with an AWS
            account, as Neptune with IAM authentication asks for.
        region: of the Neptune cluster, for `login: aws`.
        connections: to the server, at most; requests share them.
        transactions: of several requests at a time; each is a session of the server.
        connect_timeout: seconds that a connection may take.
        statement_timeout: seconds that a request may take where its caller sets no deadline. The server stops it then.
        keepalive: seconds between pings; a connection that does not answer one is given up.
        max_request: bytes of a request; at most the server's `maxContentLength`, which ends the connection of a larger
            one.
        ca: file of the certificates that the server's is verified by; unset: the system's.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
        verify_hostname: the server's certificate must name the host that was dialled.
    """

    url: Url = "ws://localhost:8182/gremlin"
    source: str = Field(default="g", pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,127}$")
    prefix: str = Field(default="", pattern=r"^[A-Za-z0-9_.-]{0,64}$")
    login: Literal["none", "password", "aws"] = "none"
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,64}$")
    connections: int = Field(default=4, ge=1, le=256)
    transactions: int = Field(default=16, ge=1, le=1000)
    connect_timeout: float = Field(default=5.0, gt=0, le=300)
    statement_timeout: float = Field(default=60.0, gt=0, le=86_400)
    keepalive: float = Field(default=20.0, gt=0, le=3600)
    max_request: int = Field(default=10 << 20, ge=1 << 16, le=1 << 30)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify_hostname: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key of backend gremlin belong together; give both or neither")
        if (self.ca or self.certificate) and self.url.startswith("ws:"):
            raise ValueError("ca, certificate and key need a URL of wss")
        if (self.login == "aws") != (self.region is not None):
            raise ValueError("region of backend gremlin belongs to login: aws; give both, or neither")
        return self

    @property
    def identity(self) -> str:
        """Names the store without anything secret."""
        return f"gremlin:{self.url}#{self.source}/{self.prefix}"
