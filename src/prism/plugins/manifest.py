"""The manifest of a plugin, `plugin.toml`: what it is called, what it serves, what it promises and how it is loaded.

Read without importing anything of the plugin, so that listing backends needs none of their drivers.
"""

import tomllib
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from prism.interfaces.catalogue import interfaces
from prism.plugins.option import Option, model_of
from prism.plugins.own_services import check_name
from prism.sdk.backend import Config
from prism.sdk.capabilities import DeclaredCapabilities

PROTOCOL = 1


def _known(name: str) -> str:
    if name not in interfaces():
        raise ValueError(f"{name!r} is not a known abstraction; use one of {', '.join(interfaces())}")
    return name


def _declared(section: Any, fields: ValidationInfo) -> DeclaredCapabilities:
    if isinstance(section, DeclaredCapabilities):
        return section
    if not isinstance(section, dict):
        raise ValueError("it should be a table: write [capabilities]")  # noqa: TRY004  # pydantic takes no other
    return DeclaredCapabilities.parse(section, fields.data.get("interfaces"))


Reference = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`package.module:Class`."""


class Manifest(BaseModel):
    """What `plugin.toml` says.

    Attributes:
        name: as `backend:` in the configuration names it.
        version: of the plugin.
        protocol: the version of the plugin protocol.
        summary: one sentence.
        maturity: how mature it is.
        interfaces: the abstractions that it serves.
        services: gRPC services of its own that it serves besides, by full name, `shelf.v1.Shelf`.
        descriptors: the file that describes them, a FileDescriptorSet with all imports; relative to the manifest.
        backend: the class that implements `prism.sdk.Backend`, constructed with (config, credentials); empty for a
            plugin that is not written in Python.
        command: the program that serves `prism.plugin.v1`, for a plugin that is not written in Python; `./` is the
            manifest's folder. A plugin with neither can only run elsewhere, as a `remote` one.
        config: the model of its configuration, in a module that imports no driver; or a table of its options.
        credentials: the model of its credentials; secrets are `SecretStr`; or a table.
        extra: the pip extra that installs its drivers.
        drivers: modules whose absence means that the extra is not installed.
        pinned: its store ties a namespace to one gateway process.
        claims: it gets the claims of the caller's token with each call, beside the caller's name.
        affinity: its process keeps what the store does not, such as the messages that consumers have: of several
            processes, one gets all calls that name the same thing (the option `affinity` of an operation).
        placement: where it runs unless the configuration says otherwise.
        testing: a class that makes a store for its tests, as `prism.acceptance.TestBackend` says.
        capabilities: what it promises.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    version: str = Field(min_length=1)
    protocol: Literal[1]
    summary: str = Field(min_length=1)
    maturity: Literal["alpha", "beta", "stable"]
    interfaces: tuple[Annotated[str, AfterValidator(_known)], ...] = Field(min_length=1)
    services: tuple[Annotated[str, AfterValidator(check_name)], ...] = ()
    descriptors: str = ""
    backend: Reference | Literal[""] = ""
    command: tuple[str, ...] = ()
    config: Reference | dict[str, Option] = Field(default_factory=dict)
    credentials: Reference | dict[str, Option] = "prism.sdk:NoCredentials"
    extra: str = ""
    drivers: tuple[str, ...] = ()
    pinned: bool = False
    claims: bool = False
    affinity: bool = False
    placement: Literal["in_process", "sidecar", "remote"] = "in_process"
    testing: Reference | None = None
    capabilities: Annotated[DeclaredCapabilities, PlainValidator(_declared)] = Field({}, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _usual_placement(cls, fields: Any) -> Any:
        """A plugin that is not written in Python cannot run in the gateway's process."""
        if isinstance(fields, dict) and "placement" not in fields and not fields.get("backend"):
            return {**fields, "placement": "sidecar" if fields.get("command") else "remote"}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> "Manifest":
        if self.backend and self.command:
            raise ValueError("give 'backend' for a plugin in Python or 'command' for any other, not both")
        if not self.can_run(self.placement):
            raise ValueError(
                f"a plugin without {'backend' if self.placement == 'in_process' else 'backend or command'} "
                f"cannot run as {self.placement}; change 'placement'"
            )
        if bool(self.services) != bool(self.descriptors):
            raise ValueError("give 'services' and the 'descriptors' that describe them together, or neither")
        for options in (self.config, self.credentials):
            if isinstance(options, dict):
                model_of(self.name, options)
        return self

    def can_run(self, placement: str) -> bool:
        """Whether it can run there without a command in the configuration."""
        if placement == "in_process":
            return bool(self.backend)
        return placement == "remote" or bool(self.backend or self.command)

    def model(self, options: str | dict[str, Option]) -> type[Config] | str:
        """The model that a table of options describes; of a reference, the reference."""
        return model_of(self.name, options) if isinstance(options, dict) else options


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
        fields = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ManifestInvalid(["not UTF-8 text"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ManifestInvalid([f"not valid TOML: {error}"]) from None
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        raise ManifestInvalid(list(_problems(error))) from None


def _problems(error: ValidationError) -> Iterator[str]:
    """What the model refuses, in words."""
    errors = error.errors(include_url=False)
    for each in errors:
        loc = each["loc"]
        if each["type"] == "too_short" and any(other["loc"][: len(loc)] == loc != other["loc"] for other in errors):
            continue  # the errors of its elements are listed; that it is then too short is their consequence
        said = each["msg"].removeprefix("Value error, ").replace("Input should be", "it should be", 1)
        yield f"{'.'.join(map(str, loc)) or 'the manifest'}: {said}"
