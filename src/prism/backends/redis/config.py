"""Configuration of the redis backend; imports no driver, so that it can be checked where none is installed."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, SecretStr, model_validator

from prism.sdk import Config
from prism.sdk.pubsub.options import PubSubOptions
from prism.sdk.queue.options import QueueOptions

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("not an address; write host:port, such as 127.0.0.1:6379, or [IPv6 address]:port")
    return value


Address = Annotated[str, AfterValidator(_address)]


class RedisCredentials(Config):
    """Who the gateway is to Redis.

    Attributes:
        username: the ACL user; unset: `default`. With the prefix `prism` this is enough for one: `~prism:* &prism:*
            +@read +@write +@connection -@dangerous +eval +evalsha +publish +spublish +subscribe +ssubscribe
            +unsubscribe +sunsubscribe +info +time +role +config|get +cluster|slots`.
        password: of that user.
        sentinel_username: the ACL user at the sentinels, where they want one.
        sentinel_password: of that user.
    """

    username: str | None = None
    password: SecretStr | None = None
    sentinel_username: str | None = None
    sentinel_password: SecretStr | None = None


class RedisPubSubOptions(PubSubOptions):
    """Options of PubSub that persists; what is kept is in memory.

    Attributes:
        max_bytes: most bytes that the messages of one namespace take; then the oldest go before their time. 0: no
            limit. They are taken also where Redis' memory is full.
    """

    max_bytes: ByteSize = Field(default=ByteSize(64 << 20), ge=0)


class RedisConfig(Config):
    """Options of the redis backend.

    Attributes:
        addresses: `host:port` of the server; of the sentinels, or of some of the cluster's nodes.
        mode: one server, a primary that the sentinels name, or a cluster. While a cluster moves a slot, its nodes run
            nothing that needs several keys of a record (writes, scans, gets of several keys): such calls wait until the
            slot has moved, and are refused as `UNAVAILABLE`, with nothing applied, where their deadline comes first.
            All else goes on.
        sentinel_service: the primary's name at the sentinels.
        database: its number; a cluster has only 0.
        prefix: begins every key in Redis, so that a database may be shared with others.
        pool_size: most connections that one gateway opens (in a cluster: to each node), at least 4.
        connect_timeout: seconds.
        command_timeout: seconds that Redis may take for one batch before its connection counts as lost.
        durability: `store` acknowledges a write that Redis has in memory; `synced` refuses to serve unless Redis
            appends to its file and syncs it before it answers (`appendonly yes`, `appendfsync always`): each server
            that a connection is made to, so also one that a failover or a cluster leads to. Either is a promise of one
            server: a failover loses what had not reached the replica that takes over. So it does what a primary
            acknowledges that is cut off from its replicas and sentinels but not from the gateway, until the sentinels
            name another and the gateway, which asks them every `ping_interval`, leaves it; with `min-replicas-to-write`
            in its redis.conf such a primary refuses writes after `min-replicas-max-lag` seconds, and is left at once.
        sweep_interval: seconds between two searches for what expired items leave in the lists.
        ping_interval: seconds between two questions to a server that is listened to: it must answer within
            `command_timeout`, and still be a primary; and to the sentinels, who the primary is.
        buffer_messages: messages that may wait for one slow subscriber; one more ends its subscription with `GAP`.
        buffer_bytes: bytes of messages that may wait for one slow subscriber.
        tls: use TLS.
        ca: file of the certificates that the server's is verified by; unset: the system's.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
        verify_hostname: the server's certificate must name the host that was dialled, or `tls_server_name`.
        tls_server_name: the name in the servers' certificates, where it is not their host's: a cluster's nodes and
            sentinels tell addresses.
        queue: times of Queue.
        pubsub: of PubSub that persists.
    """

    addresses: tuple[Address, ...] = Field(default=("localhost:6379",), min_length=1)
    mode: Literal["standalone", "sentinel", "cluster"] = "standalone"
    sentinel_service: str | None = None
    database: int = Field(default=0, ge=0, le=65535)
    prefix: str = Field(default="prism", pattern=r"^[A-Za-z0-9_.:-]{1,64}$")
    pool_size: int = Field(default=8, ge=4, le=1000)
    connect_timeout: float = Field(default=5.0, gt=0)
    command_timeout: float = Field(default=5.0, gt=0)
    durability: Literal["store", "synced"] = "store"
    sweep_interval: float = Field(default=5.0, gt=0)
    ping_interval: float = Field(default=10.0, gt=0)
    buffer_messages: int = Field(default=4096, ge=1)
    buffer_bytes: ByteSize = Field(default=ByteSize(8 << 20), gt=0)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify_hostname: bool = True
    tls_server_name: str | None = None
    queue: QueueOptions = QueueOptions()
    pubsub: RedisPubSubOptions = RedisPubSubOptions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.mode == "standalone" and len(self.addresses) > 1:
            raise ValueError("mode standalone takes one address; set mode: sentinel or mode: cluster for several")
        if (self.mode == "sentinel") != (self.sentinel_service is not None):
            raise ValueError(
                "the options sentinel_service and mode: sentinel of backend redis belong together; give both or neither"
            )
        if self.mode == "cluster" and self.database:
            raise ValueError("a cluster has only database 0; leave database out")
        if not self.tls and (self.ca or self.certificate or self.key or self.tls_server_name):
            raise ValueError("ca, certificate, key and tls_server_name need tls: true")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("the options certificate and key of backend redis belong together; give both or neither")
        return self

    @property
    def handshake_timeout(self) -> float:
        """Seconds until a new connection is of use: reached, and logged in."""
        return self.connect_timeout + self.command_timeout

    @property
    def identity(self) -> str:
        """Names the store without anything secret."""
        where = ",".join(sorted(each.lower() for each in self.addresses))
        kind = "" if self.mode == "standalone" else f"{self.mode}:"
        service = f"/{self.sentinel_service}" if self.sentinel_service else ""
        return f"redis:{kind}{where}{service}/{self.database}/{self.prefix}"
