"""The options of a plugin that is not written in Python: from the table in its manifest to a model.

[config.path]
type = "text"
required = true
description = "where the data is"
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, create_model, model_validator

from prism.sdk.backend import Config

_KINDS: dict[str, Any] = {
    "text": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "size": ByteSize,
    "list": tuple[str, ...],
    "mapping": dict[str, Any],
}


class Option(BaseModel):
    """One option.

    Attributes:
        type: what may stand there; a size is a number of bytes and understands `4MiB`, a list is one of texts.
        required: it must be given.
        default: what counts where it is not given.
        secret: it is shown nowhere; a text only.
        choices: the texts that are allowed; empty for any.
        description: what it means, a phrase.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["text", "integer", "number", "boolean", "size", "list", "mapping"] = "text"
    required: bool = False
    default: Any = None
    secret: bool = False
    choices: tuple[str, ...] = ()
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Option":
        if self.required and self.default is not None:
            raise ValueError("an option is required or has a default, not both")
        if (self.secret or self.choices) and self.type != "text":
            raise ValueError(f"'secret' and 'choices' are for text, not for {self.type}")
        return self

    @property
    def annotation(self) -> Any:
        """Its type in Python."""
        if self.secret:
            return SecretStr
        return Literal[self.choices] if self.choices else _KINDS[self.type]


def model_of(name: str, options: dict[str, Option]) -> type[Config]:
    """The model that a table of options describes.

    Raises:
        ValueError: a default is not of its option's type, or a name cannot be one.
    """
    fields: dict[str, Any] = {}
    for option, each in options.items():
        if not option.isidentifier() or option.startswith("_") or hasattr(Config, option):
            raise ValueError(f"{option!r} cannot be the name of an option; use letters, digits and _")
        kind = each.annotation
        if each.required:
            fields[option] = (Annotated[kind, Field(description=each.description)], ...)
        else:
            shown = Field(description=each.description, validate_default=each.default is not None)
            fields[option] = (Annotated[kind | None, shown], each.default)
    model = create_model(name, __base__=Config, **fields)
    if not any(each.required for each in options.values()):
        model()  # an invalid default is a mistake in the manifest, not in the configuration
    return model
