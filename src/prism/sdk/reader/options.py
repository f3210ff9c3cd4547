"""Which tables Reader serves, as a namespace's configuration says it."""

import json
import re
from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from prism.context import Context
from prism.errors import FailedPrecondition
from prism.sdk.backend import Config

SUBJECT: Final = "subject"
CLAIM: Final = "claim:"
CLAIMS: Final = "claims:"

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
        settings: what is set in the transaction: a setting's name, and `subject` for the caller's name, `claim:NAME`
            for the one value of a claim of its token, or `claims:NAME` for a JSON list of all of them. A claim that the
            token has not is an empty text, or an empty list.
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
            if source != SUBJECT and not _of_claim(source):
                raise ValueError(f"{source!r} is not known of a caller; give {SUBJECT!r}, claim:NAME or claims:NAME")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.unique == "trusted" and not self.key:
            raise ValueError("unique: trusted is about a key; give `key`")
        if self.columns and (hidden := [each for each in self.key if each not in self.columns]):
            raise ValueError(f"the key needs its columns: add {', '.join(hidden)} to `columns`")
        return self

    def set_for(self, context: Context) -> dict[str, str]:
        """What is set in the transaction of a call.

        Raises:
            FailedPrecondition: a claim that is to have one value has several.
        """
        return {name: _known(source, context) for name, source in self.settings.items()}


def _of_claim(source: str) -> bool:
    return any(source.startswith(prefix) and source != prefix for prefix in (CLAIM, CLAIMS))


def _known(source: str, context: Context) -> str:
    """What is known of a caller."""
    if source == SUBJECT:
        return context.principal
    if source.startswith(CLAIMS):
        return json.dumps(context.claims.get(source.removeprefix(CLAIMS), ()), ensure_ascii=False)
    name = source.removeprefix(CLAIM)
    found = context.claims.get(name, ())
    if len(found) > 1:
        raise FailedPrecondition(
            f"the claim {name} of the caller's token has {len(found)} values where the collection's settings take one; "
            f"set {CLAIMS}{name} for all of them"
        )
    return found[0] if found else ""


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
