"""The options of a configuration model in words: what reference tables and the admin service show of them.

What options mean comes from their models' docstrings, kinds, bounds and defaults from their fields: nothing is written
twice.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ByteSize

_ATTRIBUTE = re.compile(r"^ {8}(\w[\w, ]*): ", re.MULTILINE)
_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "object": "section"}


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: as the configuration spells it.
        kind: what may stand there; a choice is in backquotes.
        required: it has no default.
        default: `none` for nothing, empty for a section.
        secret: its value is never shown.
        meaning: a phrase.
    """

    name: str
    kind: str
    required: bool
    default: str
    secret: bool
    meaning: str


def options(model: type[BaseModel]) -> Iterator[Option]:
    """The options of a model, in its order.

    Raises:
        PydanticInvalidForJsonSchema: it has an option that no file can give.
    """
    schema = model.model_json_schema(by_alias=True)
    meanings = attributes(model)
    for name, field in model.model_fields.items():
        spelled = field.alias or name
        described = schema["properties"][spelled]
        meaning = meanings.get(name, field.description or "").removeprefix(f"`{spelled}` in configuration: ")
        is_size = ByteSize in (field.annotation, *get_args(field.annotation))
        words = "size in bytes" if is_size else kind(described, schema.get("$defs", {}))
        default = "" if field.is_required() else _default(described)
        secret = any(each.get("writeOnly") for each in (described, *described.get("anyOf", ())))
        yield Option(spelled, words, field.is_required(), default, secret, meaning)


def attributes(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of each field."""
    _, _, text = (model.__doc__ or "").partition("Attributes:\n")
    text = text.partition("\n\n")[0]
    found = [*_ATTRIBUTE.finditer(text)]
    if not found:
        return {}
    ends = [*(match.start() for match in found[1:]), len(text)]
    meanings = (" ".join(text[match.end() : end].split()) for match, end in zip(found, ends, strict=True))
    return {match[1]: meaning.removesuffix(".") for match, meaning in zip(found, meanings, strict=True)}


def kind(described: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What may stand there, in words, by its JSON schema."""
    if "$ref" in described:
        return kind(definitions[described["$ref"].rpartition("/")[2]], definitions)
    if "oneOf" in described:
        return "section"
    if "anyOf" in described:
        kinds = [kind(each, definitions) for each in described["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if values := described.get("enum") or ([described["const"]] if "const" in described else []):
        return ", ".join(f"`{value}`" for value in values)
    if described.get("type") == "array":
        return f"list of {kind(described.get('items', {}), definitions)}"
    if described.get("writeOnly"):
        return "secret text"
    if described.get("format") == "path":
        return "path"
    words = _KINDS.get(described.get("type", ""), "any value")
    if pattern := described.get("pattern"):
        words += f" like `{pattern}`"
    return f"{words}{_bounds(described)}"


def shown(value: object) -> str:
    """A value as text for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)


def _bounds(described: Mapping[str, Any]) -> str:
    least, most = described.get("minimum"), described.get("maximum")
    if least is not None and most is not None:
        return f", {least:g} to {most:g}" if most < 1e6 else f", {least:,.0f} to {most:,.0f}"
    if least is not None:
        return f", {least:g} or more"
    above = described.get("exclusiveMinimum")
    return f", above {above:g}" if above is not None else ""


def _default(described: Mapping[str, Any]) -> str:
    default = described.get("default")
    if isinstance(default, dict) or described.get("type") == "object":
        return ""
    return "none" if default in (None, [], "") else shown(default)
