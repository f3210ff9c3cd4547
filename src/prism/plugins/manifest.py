"""The manifest of a plugin, `plugin.toml`: what it is called, what it serves, what it promises and how it is loaded.

Read without importing anything of the plugin, so that listing backends needs none of their drivers.
"""

import tomllib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from prism.interfaces.catalogue import interfaces
from prism.sdk.capabilities import Capabilities

PROTOCOL = 1


def _known(name: str) -> str:
    if name not in interfaces():
        raise ValueError(f"there is no abstraction {name!r}; there are {', '.join(interfaces())}")
    return name


Reference = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`package.module:Class`."""


class Manifest(BaseModel):
    """What `plugin.toml` says.

    Attributes:
        name: as `backend:` in the configuration names it.
        version: of the plugin.
        protocol: the version of the plugin protocol.
        summary: one sentence.
        maturity: how far to trust it.
        interfaces: the abstractions that it serves.
        backend: the class that implements `prism.sdk.Backend`, constructed with (config, credentials).
        config: the model of its configuration, in a module that imports no driver.
        credentials: the model of its credentials; secrets are `SecretStr`.
        extra: the pip extra that installs its drivers.
        drivers: modules whose absence means that the extra is not installed.
        pinned: its store ties a namespace to one gateway process.
        placement: where it runs unless the configuration says otherwise.
        capabilities: what it promises.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    version: str = Field(min_length=1)
    protocol: Literal[1]
    summary: str = Field(min_length=1)
    maturity: Literal["alpha", "beta", "stable"]
    interfaces: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(min_length=1)
    backend: Reference
    config: Reference
    credentials: Reference = "prism.sdk:NoCredentials"
    extra: str = ""
    drivers: tuple[str, ...] = ()
    pinned: bool = False
    placement: Literal["in_process", "sidecar", "remote"] = "in_process"
    capabilities: Capabilities = Capabilities()


class ManifestInvalid(Exception):
    """A manifest cannot be used.

    Attributes:
        problems: what is wrong with it, each a sentence that names the field.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def read(content: bytes) -> Manifest:
    """The manifest in the text of a `plugin.toml`.

    Raises:
        ManifestInvalid: it is not UTF-8, not TOML, or a field is missing, unknown or wrong.
    """
    try:
        fields = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise ManifestInvalid(["it is not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ManifestInvalid([f"it is not TOML: {error}"]) from None
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        raise ManifestInvalid(
            [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False)]
        ) from None
