"""Configuration of the kafka backend; imports no driver, so that it can be checked where none is installed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, SecretStr, model_validator

from prism.sdk import Config
from prism.sdk.pubsub.options import PubSubOptions
from prism.sdk.queue.options import QueueOptions

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("not an address; write host:port, such as 127.0.0.1:9092, or [IPv6 address]:port")
    return value


Address = Annotated[str, AfterValidator(_address)]


class KafkaCredentials(Config):
    """Who the gateway is to Kafka, where it asks.

    Attributes:
        username: with `password`, for the mechanisms PLAIN and SCRAM.
        password: of that user.
        client_id: with `client_secret`, for OAUTHBEARER: how the gateway gets its tokens.
        client_secret: of that client.
    """

    username: str | None = None
    password: SecretStr | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("the options username and password of backend kafka belong together; give both or neither")
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("client_id and client_secret of backend kafka belong together; give both or neither")
        if self.username is not None and self.client_id is not None:
            raise ValueError("username and client_id are different ways to log in; give one")
        return self


class KafkaQueueOptions(QueueOptions):
    """Options of Queue on Kafka.

    Attributes:
        topics: topics that are in Kafka already, by the names that callers use: existing keys, headers and partitions
            are taken as they are. Prism does not delete or change them.
        window: offsets behind the oldest unsettled message of a partition that may be settled before it; when they are,
            the partition waits for that message.
        buffer_bytes: bytes of messages that one gateway holds of one group.
        handover: seconds that a partition which another gateway is to have waits for what is in flight.
        linger: seconds that a gateway stays a member of a group after its last stream has ended.
        recommit_interval: seconds after which a group without consumers is visited, so that the broker does not forget
            where it stands: shorter than its `offsets.retention.minutes`.
    """

    topics: Mapping[str, Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]] = {}
    window: int = Field(default=10_000, ge=16, le=10_000)
    buffer_bytes: ByteSize = Field(default=ByteSize(32 << 20), gt=0)
    handover: float = Field(default=5.0, ge=0, le=300)
    linger: float = Field(default=3.0, ge=0, le=3600)
    recommit_interval: float = Field(default=86_400.0, gt=0)


class KafkaPubSubOptions(PubSubOptions):
    """Options of PubSub that persists; each namespace has one topic of one partition in Kafka.

    Attributes:
        max_bytes: most bytes that the messages of one namespace take; then the oldest go before their time. 0: no
            limit. Kafka removes whole segments, so that there may be more for a while.
    """

    max_bytes: ByteSize = Field(default=ByteSize(1 << 30), ge=0)


class KafkaConfig(Config):
    """Options of the kafka backend.

    Attributes:
        addresses: `host:port` of some of the brokers.
        prefix: begins the names of all topics and groups that Prism makes; letters, digits and `.`.
        instance: a name that this gateway alone has, and keeps over restarts: it is then a static member of its groups,
            which keep its partitions for it during `session_timeout`. Unset: it leaves its groups when it ends.
        group_protocol: `classic`, or `consumer` (KIP-848) where the brokers have it.
        session_timeout: seconds after which the partitions of a gateway that is not heard of go to others; with
            `group_protocol: consumer` the brokers say.
        request_timeout: seconds that a broker may take to answer.
        publish_timeout: seconds in which a message must be acknowledged; then whether it was published is not known.
        transaction_timeout: seconds after which Kafka ends the transaction of a gateway that died.
        linger: seconds that a message may wait for others, to be sent with them.
        compression: of what is published.
        replication: copies of the topics that Prism makes; unset: as the brokers are configured.
        tls: use TLS.
        ca: file of the certificates that the servers' are verified by; unset: the system's.
        certificate: file of the gateway's own certificate.
        key: file of that certificate's key.
        verify_hostname: a server's certificate must name the host that was dialled.
        sasl: the mechanism to log in by; unset: none.
        token_url: where tokens are to be had, for OAUTHBEARER.
        token_scope: what they are asked for.
        queue: of Queue.
        pubsub: of PubSub that persists.
    """

    addresses: tuple[Address, ...] = Field(default=("localhost:9092",), min_length=1)
    prefix: str = Field(default="prism", pattern=r"^[A-Za-z0-9][A-Za-z0-9.]{0,63}$")
    instance: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,128}$")
    group_protocol: Literal["classic", "consumer"] = "classic"
    session_timeout: float = Field(default=10.0, ge=1, le=1800)
    request_timeout: float = Field(default=10.0, ge=1, le=300)
    publish_timeout: float = Field(default=10.0, ge=1, le=300)
    transaction_timeout: float = Field(default=10.0, ge=1, le=900)
    linger: float = Field(default=0.001, ge=0, le=1)
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    replication: int | None = Field(default=None, ge=1, le=100)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    verify_hostname: bool = True
    sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    token_url: str | None = None
    token_scope: str | None = None
    queue: KafkaQueueOptions = KafkaQueueOptions()
    pubsub: KafkaPubSubOptions = KafkaPubSubOptions()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("the options certificate and key of backend kafka belong together; give both or neither")
        if not self.tls and (self.ca or self.certificate):
            raise ValueError("ca, certificate and key need `tls: true`")
        if (self.sasl == "OAUTHBEARER") != (self.token_url is not None):
            raise ValueError("token_url and `sasl: OAUTHBEARER` belong together; give both or neither")
        return self

    @property
    def identity(self) -> str:
        """Names the store without anything secret: brokers in any order, and the prefix."""
        return f"kafka:{','.join(sorted(self.addresses))}/{self.prefix}"
