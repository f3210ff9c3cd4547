"""What every section of the configuration file shares: it is frozen, and refuses unknown keys, in plain words.

What pydantic compiles of a section takes longer than to read a file, and few files have more than a few sections. So a
section is compiled when the first one is read (`defer_build`, `Apart`), and one that is absent is made of its defaults
without that (`model_construct`).
"""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Section(BaseModel):
    """Base of the sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


@dataclass(frozen=True, slots=True)
class Apart:
    """Annotates a section in another one: compiled by itself, when the first one is read."""

    def __get_pydantic_core_schema__(self, section: type[Section], _: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            section.model_validate,
            json_schema_input_schema=core_schema.dict_schema(),  # what docs/generate.py needs to know of it
        )


def refuse(message: str, *, allowed: str = "", close: str = "") -> PydanticCustomError:
    """A validator's refusal, with what is allowed and the nearest valid spelling beside the message."""
    return PydanticCustomError("prism", message, {"allowed": allowed, "nearest": close})


def empty(value: Any) -> Any:
    """A key without a value is an empty section."""
    return {} if value is None else value
