"""The base of backends' configuration."""

import pytest
from pydantic import SecretStr, ValidationError

from prism.sdk import Config, Health, HealthStatus, NoCredentials


class Example(Config):
    """A configuration with a secret."""

    path: str
    password: SecretStr = SecretStr("")


def test_unknown_options_are_refused() -> None:
    """A misspelt option is an error that names it."""
    with pytest.raises(ValidationError, match="pth"):
        Example.model_validate({"pth": "x"})
    with pytest.raises(ValidationError):
        NoCredentials.model_validate({"password": "x"})


def test_a_secret_does_not_show() -> None:
    """Neither repr nor str of a configuration holds a secret, and equal configurations are one key."""
    example = Example(path="p", password=SecretStr("hunter2"))
    assert "hunter2" not in f"{example!r} {example}"
    assert {example: 1}[Example(path="p", password=SecretStr("hunter2"))] == 1


def test_a_healthy_backend_says_nothing() -> None:
    """The default answer to a probe is healthy, with nothing to do."""
    assert Health() == Health(HealthStatus.HEALTHY, "", {})
