"""What a role is configured by: environment variables, or a file, which the environment overrides.

Source: ADR-025 "Environment Configuration". The names are its; `PRISM_HEALTH_PORT`, `PRISM_TOPIC`, `PRISM_GROUP`,
`PRISM_TOKEN` and the credentials of NATS are ours, as are the mechanism and the TLS of Kafka.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from prism.errors import FailedPrecondition

FILE: Final = Path("/etc/prism/plugin.yaml")
FILE_VARIABLE: Final = "PRISM_PLUGIN_CONFIG"

Role = Literal["publisher", "consumer", "processor", "listener"]


class Settings(BaseModel):
    """Of one role; each field is an environment variable of its name in capitals.

    Attributes:
        prism_proxy_endpoint: the gateway, `host:port`.
        prism_plugin_role: which role; the command line may name it instead.
        prism_backend_type: the broker.
        prism_namespace: of the queue.
        prism_token: a bearer token for the gateway.
        prism_topic: of the queue: where a publisher reads, and a consumer writes. Without it the broker's own.
        prism_group: the group of a publisher; replicas share its messages.
        prism_concurrency: messages that are on their way at a time.
        prism_log_level: the least that is logged.
        prism_log_format: of the log.
        prism_metrics_port: of `/metrics`; 0 for any free one.
        prism_health_port: of the probes, `grpc.health.v1` and `PluginInfoService`; 0 for any free one.
        prism_listen_host: where both ports listen.
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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prism_proxy_endpoint: str = "localhost:8980"
    prism_plugin_role: Role
    prism_backend_type: str
    prism_namespace: str = "default"
    prism_token: SecretStr | None = None
    prism_topic: str = ""
    prism_group: str = "prism-publisher"
    prism_concurrency: int = Field(default=64, ge=1, le=10_000)
    prism_log_level: Literal["debug", "info", "warning", "error"] = "info"
    prism_log_format: Literal["json", "text"] = "json"
    prism_metrics_port: int = Field(default=9090, ge=0, le=65535)
    prism_health_port: int = Field(default=8081, ge=0, le=65535)
    prism_listen_host: str = "0.0.0.0"  # noqa: S104  # probes and scrapes come from other machines
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
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
