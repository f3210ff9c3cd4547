"""Configuration of the nats backend; imports no driver, so that it can be checked where none is installed."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr, field_validator, model_validator

from prism.sdk import Config
from prism.sdk.pubsub import PubSubOptions
from prism.sdk.queue import QueueOptions

_PORT = 4222
_SEED = "SU[A-Z2-7]{56}"
_CREDS = rf"-BEGIN NATS USER JWT-+\s+\S+\s+-.*-BEGIN USER NKEY SEED-+\s+{_SEED}\s+-"


def _server(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"nats", "tls"} or not url.hostname or url.path or url.query:
        raise ValueError(
            f"{text.rpartition('@')[2]!r} is not a server's URL; write nats://host:port or tls://host:port"
        )
    if "@" in url.netloc:
        raise ValueError("the URL of a server in `servers` must not hold a user or password; give them as credentials")
    return f"{url.scheme}://{url.hostname}:{url.port or _PORT}"


Server = Annotated[str, AfterValidator(_server)]
"""The URL of a server, with its port."""


class NatsCredentials(Config):
    """The gateway's login at NATS: one of the ways that a server may ask for.

    Attributes:
        username: with `password`.
        password: with `username`.
        token: where the server asks for one.
        nkey: the seed of an NKey, `SU...`.
        creds: the content of a `.creds` file: a user's JWT and its seed.
    """

    username: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    nkey: SecretStr | None = None
    creds: SecretStr | None = None

    @field_validator("nkey")
    @classmethod
    def _is_seed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(_SEED, value.get_secret_value().strip()):
            raise ValueError("not a valid seed of a user; write SU and the 56 letters and digits after it")
        return value

    @field_validator("creds")
    @classmethod
    def _is_creds(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.search(_CREDS, value.get_secret_value(), re.DOTALL):
            raise ValueError("not the content of a .creds file; give all of it, with the JWT and the seed of a user")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("the options username and password of backend nats belong together; give both or neither")
        ways = [name for name in ("username", "token", "nkey", "creds") if getattr(self, name) is not None]
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} are different ways to log in; give one")
        return self


class NatsPubSubOptions(PubSubOptions):
    """Options of PubSub that persists.

    Attributes:
        persistent: what is published is kept by JetStream, where the servers have it; else core NATS passes it on and
            keeps nothing.
    """

    persistent: bool = True


class NatsConfig(Config):
    """Options of the nats backend.

    Attributes:
        servers: `nats://host:port` or `tls://host:port` each; any of them will do. In a cluster a
            subscription is known to its own server when it is in place, and to the others a moment later: what this
            gateway publishes is never missed by it, what is published elsewhere in that moment may be.
        prefix: the first tokens of every subject; after it come the namespace and the topic.
        name: how the connections are called in NATS's own monitoring.
        connect_timeout: seconds that one attempt to connect may take.
        answer_timeout: seconds in which NATS must confirm what it was sent, or its connection is given up.
        ping_interval: seconds between two questions to a silent server; three without an answer, and it is given up.
        buffer_messages: messages that may wait for one slow subscriber; one more ends its subscription with `GAP`.
        buffer_bytes: bytes of messages that may wait for one slow subscriber.
        ca: file of the certificates that the servers' are verified by; with `tls://`.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
        tls_server_name: the name in the servers' certificates, where it is not their host's.
        tls_first: the servers begin with TLS, before they say anything (`handshake_first`).
        replicas: how many servers of a cluster keep what JetStream stores, when it is made.
        queue: options of Queue.
        pubsub: options of PubSub that persists.
    """

    servers: tuple[Server, ...] = Field(default=(f"nats://localhost:{_PORT}",), min_length=1)
    prefix: str = Field(default="prism", pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=200)
    name: str = Field(default="prism", min_length=1, max_length=100)
    connect_timeout: float = Field(default=3.0, gt=0)
    answer_timeout: float = Field(default=5.0, gt=0)
    ping_interval: float = Field(default=10.0, gt=0)
    buffer_messages: int = Field(default=4096, ge=1)
    buffer_bytes: ByteSize = Field(default=ByteSize(8 << 20), gt=0)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    tls_server_name: str | None = None
    tls_first: bool = False
    replicas: int = Field(default=1, ge=1, le=5)
    queue: QueueOptions = QueueOptions()
    pubsub: NatsPubSubOptions = NatsPubSubOptions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        schemes = {urlsplit(server).scheme for server in self.servers}
        if len(schemes) > 1:
            raise ValueError("servers: give all as nats:// or all as tls://")
        if not self.encrypted and (self.ca or self.certificate or self.tls_server_name or self.tls_first):
            raise ValueError("ca, certificate, tls_server_name and tls_first need servers given as tls://")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("the options certificate and key of backend nats belong together; give both or neither")
        return self

    @property
    def encrypted(self) -> bool:
        """Whether the connections must be."""
        return urlsplit(self.servers[0]).scheme == "tls"

    @property
    def identity(self) -> str:
        """Names the store without anything secret: servers in any order, and the prefix."""
        return f"nats:{','.join(sorted(urlsplit(server).netloc for server in self.servers))}/{self.prefix}"
