"""Configuration of the toy backend: one field of every kind that errors and listings must cope with."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from prism.sdk import Config


class Pool(BaseModel):
    """A section within the section."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(default=4, ge=1, le=64)
    mode: Literal["eager", "lazy"] = "lazy"


class ToyConfig(Config):
    """Options of the toy backend."""

    store: str
    url: str = ""
    label: str = ""
    pool: Pool = Pool()
    brokers: tuple[str, ...] = ()
    pin: SecretStr | None = None


class ToyCredentials(Config):
    """Credentials of the toy backend."""

    username: str = ""
    password: SecretStr | None = None
