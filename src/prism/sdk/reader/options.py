"""Which tables Reader serves, as a namespace's configuration says it."""

import re
from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from prism.sdk.backend import Config

SUBJECT: Final = "subject"

_SETTING: Final = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)+")


class CollectionOptions(Config):
    """One collection of Reader.

    Attributes:
        table: the table or view, exactly as the store spells it.
        schema_name: `schema` in configuration: its schema; unless given `public` in PostgreSQL.
        key: the columns that name a row; unless given the primary key.
        unique: `checked`: a unique index covers the key; `trusted`: you vouch for it, as for a view.
        columns: those that exist for callers; unless given all.
        indexes_only: only sorts that an index serves.
        settings: what is set in the transaction: a setting's name, and `subject` for the caller's name.
    """

    table: str = Field(min_length=1)
    schema_name: str = Field(default="", alias="schema")
    key: tuple[str, ...] = ()
    unique: Literal["checked", "trusted"] = "checked"
    columns: tuple[str, ...] = ()
    indexes_only: bool = True
    settings: Mapping[str, str] = {}

    @field_validator("settings")
    @classmethod
    def _own_settings(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name, source in value.items():
            if not _SETTING.fullmatch(name):
                raise ValueError(f"{name!r} is not a setting of your own; its name has a point, as prism.subject")
            if source != SUBJECT:
                raise ValueError(f"{source!r} is not known of a caller; give {SUBJECT!r}, its name")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.unique == "trusted" and not self.key:
            raise ValueError("unique: trusted is about a key; give `key`")
        if self.columns and (hidden := [each for each in self.key if each not in self.columns]):
            raise ValueError(f"the key needs its columns: add {', '.join(hidden)} to `columns`")
        return self


class ReaderOptions(Config):
    """Options of Reader, the same for each backend that serves it.

    Attributes:
        collections: by the name that callers give: `table`, and where they are needed `schema`, `key`, `unique`
            (`checked` or `trusted`), `columns`, `indexes_only`, `settings`.
        every_table: each table and view of the database that has a name of its own is a collection, by that name.
        max_scan: rows that a page looks at, at most.
    """

    collections: Mapping[str, CollectionOptions] = {}
    every_table: bool = False
    max_scan: int = Field(default=100_000, ge=1, le=10_000_000)

    def settings_of(self) -> list[str]:
        """The collections that have settings."""
        return [name for name, each in self.collections.items() if each.settings]
