"""What a role is configured by: environment variables, or a file, which the environment overrides.

Source: ADR-025 "Environment Configuration". The names are its; `PRISM_HEALTH_PORT`, `PRISM_TOPIC`, `PRISM_GROUP`,
`PRISM_TOKEN`, those of a target, of a plugin's port and the credentials of NATS are ours, as are the mechanism and the
TLS of Kafka.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from prism.errors import FailedPrecondition

FILE: Final = Path("/etc/prism/plugin.yaml")
FILE_VARIABLE: Final = "PRISM_PLUGIN_CONFIG"

Role = Literal["publisher", "consumer", "reader", "processor", "listener"]

_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|)")
_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0}


def _length(given: object) -> object:
    if not isinstance(given, str):
        return given
    found = _LENGTH.fullmatch(given)
    if found is None:
        raise ValueError("give a length of time, such as 500ms, 1s or 2m")
    return float(found[1]) * _UNITS[found[2]]


Length = Annotated[float, BeforeValidator(_length)]
"""Seconds, given as `500ms`, `1s`, `2m`, or a number."""


class Settings(BaseModel):
    """Of one role; each field is an environment variable of its name in capitals.

    Attributes:
        prism_proxy_endpoint: the gateway, `host:port`.
        prism_plugin_role: which role; the command line may name it instead.
        prism_backend_type: the broker; the store of the roles of tables is `postgres`.
        prism_namespace: of the queue, or of the mailbox.
        prism_token: a bearer token for the gateway.
        prism_topic: of the queue: where a publisher reads, and a consumer writes. Without it the broker's own. Where a
            listener writes; without it the topic that is called as the mailbox.
        prism_target_namespace: where a listener writes; without it the mailbox's.
        prism_target_abstraction: of that topic.
        prism_group: the group of a publisher; replicas share its messages.
        prism_concurrency: messages that are on their way at a time.
        prism_log_level: the least that is logged.
        prism_log_format: of the log.
        prism_metrics_port: of `/metrics`; 0 for any free one.
        prism_health_port: of the probes, `grpc.health.v1` and `PluginInfoService`; 0 for any free one.
        prism_listen_host: where both ports listen.
        prism_plugin_listen: where a reader or processor serves gateways; any but a loopback address needs mutual TLS.
        prism_tls_cert, prism_tls_key, prism_tls_client_ca: files of that, as `python -m prism.sdk` has them.
        nats_url: NATS servers, with commas between them.
        nats_subject: where a publisher sends, and what a consumer takes.
        nats_queue_group: the durable consumer that replicas share.
        nats_stream: the stream that a consumer takes from.
        nats_ack_wait: seconds until a message comes again whose consumer was killed; of a durable that the role makes.
        nats_username, nats_password, nats_token, nats_nkey, nats_creds: the login; the last is a file.
        kafka_brokers: `host:port` of some brokers, with commas between them.
        kafka_topic: where a publisher sends, and what a consumer takes.
        kafka_consumer_group: the group that replicas share.
        kafka_auto_offset_reset: where a group begins that has committed nothing.
        kafka_compression: of what is sent.
        kafka_sasl_mechanism, kafka_sasl_username, kafka_sasl_password: the login.
        kafka_tls: TLS, with the system's authorities or those of the file `kafka_ca`.
        database_url: where a reader or processor has its tables, `postgres://user:password@host/database`.
        database_pool_size: most connections of it.
        database_table: the tables, with commas between them, each with its schema before it unless that is `public`.
        mailbox_table: the schema of that database in which Prism keeps mailboxes.
        mailbox_id: the mailbox that a listener reads.
        mailbox_poll_interval: after which a listener looks by itself where it was told of nothing.
        mailbox_batch_size: most messages that a listener hands on at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prism_proxy_endpoint: str = "localhost:8980"
    prism_plugin_role: Role
    prism_backend_type: str = ""
    prism_namespace: str = "default"
    prism_token: SecretStr | None = None
    prism_topic: str = ""
    prism_target_namespace: str = ""
    prism_target_abstraction: Literal["queue", "pubsub"] = "queue"
    prism_group: str = "prism-publisher"
    prism_concurrency: int = Field(default=64, ge=1, le=10_000)
    prism_log_level: Literal["debug", "info", "warning", "error"] = "info"
    prism_log_format: Literal["json", "text"] = "json"
    prism_metrics_port: int = Field(default=9090, ge=0, le=65535)
    prism_health_port: int = Field(default=8081, ge=0, le=65535)
    prism_listen_host: str = "0.0.0.0"  # noqa: S104  # probes and scrapes come from other machines
    prism_plugin_listen: str = "127.0.0.1:8990"
    prism_tls_cert: Path | None = None
    prism_tls_key: Path | None = None
    prism_tls_client_ca: Path | None = None
    nats_url: str = "nats://localhost:4222"
    nats_subject: str = ""
    nats_queue_group: str = "prism-consumers"
    nats_stream: str = ""
    nats_ack_wait: float = Field(default=30.0, ge=0.05, le=43_200)
    nats_username: str | None = None
    nats_password: SecretStr | None = None
    nats_token: SecretStr | None = None
    nats_nkey: SecretStr | None = None
    nats_creds: Path | None = None
    kafka_brokers: str = "localhost:9092"
    kafka_topic: str = ""
    kafka_consumer_group: str = "prism-consumer"
    kafka_auto_offset_reset: Literal["earliest", "latest"] = "earliest"
    kafka_compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_tls: bool = False
    kafka_ca: Path | None = None
    database_url: SecretStr | None = None
    database_pool_size: int = Field(default=12, ge=9, le=200)
    database_table: str = ""
    mailbox_table: str = "prism"
    mailbox_id: str = ""
    mailbox_poll_interval: Length = Field(default=1.0, ge=0.05, le=3600)
    mailbox_batch_size: int = Field(default=100, ge=1, le=1000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        match self.prism_plugin_role:
            case "listener":
                if not self.mailbox_id:
                    raise ValueError("MAILBOX_ID is required: the mailbox that is read")
            case "reader" | "processor":
                self._of_tables()
            case _ if not self.prism_backend_type:
                raise ValueError("PRISM_BACKEND_TYPE is required: nats or kafka")
        if self.prism_backend_type == "nats":
            if not self.nats_subject:
                raise ValueError("NATS_SUBJECT is required: where messages go, or what is taken")
            if self.prism_plugin_role == "consumer" and not self.nats_stream:
                raise ValueError("NATS_STREAM is required for a consumer: JetStream alone keeps what it has not taken")
            if self.prism_plugin_role == "publisher" and not set(self.nats_subject).isdisjoint("*>"):
                raise ValueError("NATS_SUBJECT of a publisher must not have wildcards")
        if self.prism_backend_type == "kafka" and not self.kafka_topic:
            raise ValueError("KAFKA_TOPIC is required: where messages go, or what is taken")
        return self

    def _of_tables(self) -> None:
        if self.prism_backend_type not in {"", "postgres"}:
            raise ValueError("PRISM_BACKEND_TYPE of a reader or processor is postgres")
        if self.database_url is None:
            raise ValueError("DATABASE_URL is required: postgres://user:password@host/database")
        if not self.tables:
            raise ValueError("DATABASE_TABLE is required: the tables, with commas between them")

    @property
    def tables(self) -> list[str]:
        """Those of a reader or processor."""
        return [each.strip() for each in self.database_table.split(",") if each.strip()]

    @property
    def between(self) -> str:
        """The other side than the queue: a broker, or for a listener the mailbox."""
        return "mailbox" if self.prism_plugin_role == "listener" else self.prism_backend_type

    @property
    def there(self) -> str:
        """What the broker calls where messages go, or what is taken."""
        return self.kafka_topic if self.prism_backend_type == "kafka" else self.nats_subject

    @classmethod
    def load(cls, role: str, environment: Mapping[str, str]) -> Self:
        """The settings.

        Raises:
            FailedPrecondition: they are wrong; says which, and what would be right.
        """
        values: dict[str, Any] = _file(environment)
        values |= {name: environment[name.upper()] for name in cls.model_fields if name.upper() in environment}
        if role:
            values["prism_plugin_role"] = role
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise wrong(error) from None


def wrong(error: ValidationError, names: Mapping[str, str] = MappingProxyType({})) -> FailedPrecondition:
    """What is wrong with settings, without what was given, which may be secret; `names` of fields are the settings'."""
    found = "; ".join(_sentence(each["loc"], each["msg"], names) for each in error.errors(include_input=False))
    return FailedPrecondition(f"the role is configured wrongly: {found}")


def _sentence(where: tuple[int | str, ...], what: str, names: Mapping[str, str]) -> str:
    name = ".".join(names.get(str(each), str(each)).upper() for each in where)
    said = what.removeprefix("Value error, ")
    return f"{name}: {said}" if name else said


def _file(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the file says: names as in the environment, in either case."""
    named = environment.get(FILE_VARIABLE)
    path = Path(named) if named else FILE
    if not named and not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise FailedPrecondition(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise FailedPrecondition(f"{path} has no settings: write NAME: value, a line each")
    return {str(name).lower(): value for name, value in found.items()}


def environment() -> Mapping[str, str]:
    """That of this process."""
    return os.environ
