"""What every section of the configuration file shares: it is frozen, and refuses unknown keys, in plain words."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """Base of the sections: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def refuse(message: str, *, allowed: str = "", close: str = "") -> PydanticCustomError:
    """A validator's refusal, with what is allowed and the nearest valid spelling beside the message."""
    return PydanticCustomError("prism", message, {"allowed": allowed, "nearest": close})


def empty(value: Any) -> Any:
    """A key without a value is an empty section."""
    return {} if value is None else value
