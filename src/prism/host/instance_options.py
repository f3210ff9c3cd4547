"""What an instance is made of, as `Initialize` brings it: the options and credentials, by the plugin's own models."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct
from pydantic import BaseModel, SecretStr, ValidationError

from prism.errors import InvalidArgument, Violation
from prism.plugins.discovery import Plugin
from prism.redactor import Redactor
from prism.sdk.backend import Config

_USER_NAME = re.compile(r"(?:^|_)user_?(?:name)?$", re.IGNORECASE)
"""A credential that says who logs in, not how it is proved; hidden all the same where the plugin's model marks it."""


class InstanceOptions:
    """The options of one instance; equal to others that start the same instance. Never shown: they hold secrets."""

    __slots__ = ("_config", "_credentials")

    def __init__(
        self, config: AnyMessage, credentials: Mapping[str, str], settled: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        """
        Args:
            config: a `google.protobuf.Struct`.
            credentials: by name.
            settled: options that are so whatever `config` says.

        Raises:
            InvalidArgument: the options are not a valid `google.protobuf.Struct`.
        """
        self._config: Mapping[str, Any] = {**_values(config), **settled}
        self._credentials = dict(credentials)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InstanceOptions):
            return NotImplemented
        return self._config == other._config and self._credentials == other._credentials

    __hash__ = None  # type: ignore[assignment]  # compared, never looked up

    def teach(self, redactor: Redactor) -> None:
        """Makes the secrets known: every credential but a user name, and the passwords in connection strings."""
        for name, secret in self._credentials.items():
            if not _USER_NAME.search(name):
                redactor.learn(secret)
            redactor.learn_from(secret)
        for text in _texts(self._config):
            redactor.learn_from(text)

    def models(self, plugin: Plugin, redactor: Redactor) -> tuple[Config, Config]:
        """The configuration and the credentials, checked, their secrets made known; imports the plugin's models.

        Raises:
            InvalidArgument: an option is wrong; each is named, none is shown.
            FailedPrecondition: the models cannot be imported.
        """
        violations: list[Violation] = []
        config = _checked(plugin.config_model(), self._config, "config", violations)
        credentials = _checked(plugin.credentials_model(), self._credentials, "credentials", violations)
        if config is None or credentials is None:
            named = "; ".join(f"{each.field}: {each.limit}" for each in violations)
            raise InvalidArgument(f"invalid options for plugin {plugin.name!r}: {named}", violations=violations)
        for secret in (*secrets_of(config), *secrets_of(credentials)):
            redactor.learn(secret)
        return config, credentials


def _texts(value: Any) -> Iterator[str]:
    """Every text within some options."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def secrets_of(model: BaseModel) -> Iterator[str]:
    """What a model marks as secret, at any depth."""
    for _, value in model:
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from secrets_of(value)


def _values(config: AnyMessage) -> dict[str, Any]:
    if not config.type_url:
        return {}
    if not config.Is(Struct.DESCRIPTOR):
        violation = Violation("config", config.TypeName()[:100], "send a google.protobuf.Struct")
        raise InvalidArgument(str(violation), violations=[violation])
    options = Struct()
    try:
        options.MergeFromString(config.value)
    except DecodeError:
        violation = Violation("config", f"{len(config.value)} bytes", "not a valid google.protobuf.Struct; send one")
        raise InvalidArgument(str(violation), violations=[violation]) from None
    return MessageToDict(options)


def _checked(model: type[Config], values: Mapping[str, Any], where: str, violations: list[Violation]) -> Config | None:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            field = ".".join(map(str, (where, *each["loc"])))
            violations.append(Violation(field, "not shown", each["msg"]))
        return None
