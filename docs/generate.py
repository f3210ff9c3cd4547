"""Writes the reference tables of the documents from the code, or with `--check` fails where the two differ.

A document says where a table goes: `<!-- generate: WHAT -->`, the table, `<!-- /generate -->`. WHAT is a model of the
configuration (`prism.control.config:GatewaySection`), `capabilities`, or `backends`. What options mean comes from their
models' docstrings, kinds, bounds and defaults from their fields: nothing is written twice.
"""

import argparse
import importlib
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ByteSize

from prism.plugins.discovery import DISTRIBUTION, Plugin, discover
from prism.sdk.capabilities import Capabilities

DOCS = Path(__file__).parent
WIDTH = 140
_REGION = re.compile(r"(<!-- generate: (\S+) -->\n).*?(<!-- /generate -->)", re.DOTALL)
_ATTRIBUTE = re.compile(r"^ {8}(\w[\w, ]*): ", re.MULTILINE)
_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "true or false", "object": "section"}


def generated(text: str) -> str:
    """A document with its tables as the code has them."""
    return _REGION.sub(lambda match: f"{match[1]}{_content(match[2])}\n{match[3]}", text)


def _content(what: str) -> str:
    if what == "capabilities":
        return _capabilities(_built_in())
    if what == "backends":
        return "\n\n".join(_backend(each) for each in _built_in())
    module, _, name = what.partition(":")
    return options(getattr(importlib.import_module(module), name))


def _built_in() -> list[Plugin]:
    plugins = (each for each in discover().found.values() if each.distribution == DISTRIBUTION)
    return sorted(plugins, key=lambda each: each.name)


def _capabilities(plugins: list[Plugin]) -> str:
    """What each backend declares, and what each capability means."""
    declared = [each.manifest.capabilities for each in plugins]
    meanings = attributes(Capabilities)
    rows = [
        [f"`{field}`", meanings[field], *(_shown(getattr(each, field)) for each in declared)]
        for field in Capabilities.model_fields
    ]
    return table(["capability", "meaning", *(f"[{each.name}](#{each.name})" for each in plugins)], rows)


def _backend(plugin: Plugin) -> str:
    manifest = plugin.manifest
    facts = [f"{manifest.summary} Maturity: {manifest.maturity}. Serves {', '.join(manifest.interfaces)}."]
    if manifest.pinned:
        facts.append("A namespace on it belongs to one gateway process.")
    if manifest.extra:
        facts.append(f"Its driver is an extra: `{plugin.how_to_install()}`.")
    parts = [f"## {plugin.name}", textwrap.fill(" ".join(facts), WIDTH), "`config`:", options(plugin.config_model())]
    credentials = plugin.credentials_model()
    parts += ["`credentials`:", options(credentials)] if credentials.model_fields else ["It takes no `credentials`."]
    return "\n\n".join(parts)


def options(model: type[BaseModel]) -> str:
    """The options of a model: name, kind, default, meaning."""
    schema = model.model_json_schema(by_alias=True)
    meanings = attributes(model)
    rows = []
    for name, field in model.model_fields.items():
        spelled = field.alias or name
        described = schema["properties"][spelled]
        meaning = meanings[name].removeprefix(f"`{spelled}` in configuration: ")
        words = (
            "size in bytes"
            if ByteSize in (field.annotation, *get_args(field.annotation))
            else kind(described, schema.get("$defs", {}))
        )
        default = "required" if field.is_required() else _default(described)
        rows.append([f"`{spelled}`", words, default, meaning])
    return table(["option", "kind", "default", "meaning"], rows)


def kind(described: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """What may stand there, in words."""
    if "$ref" in described:
        return kind(definitions[described["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in described:
        return next(kind(each, definitions) for each in described["anyOf"] if each.get("type") != "null")
    if values := described.get("enum") or ([described["const"]] if "const" in described else []):
        return ", ".join(f"`{value}`" for value in values)
    if described.get("type") == "array":
        return f"list of {kind(described['items'], definitions)}"
    if described.get("writeOnly"):
        return "secret text"
    if described.get("format") == "path":
        return "path"
    words = _KINDS[described["type"]]
    if pattern := described.get("pattern"):
        words += f" like `{pattern}`"
    return f"{words}{_bounds(described)}"


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
    return "none" if default in (None, [], "") else _shown(default)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) and value > 9999 else str(value)


def attributes(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of each field."""
    _, _, text = (model.__doc__ or "").partition("Attributes:\n")
    text = text.partition("\n\n")[0]
    found = [*_ATTRIBUTE.finditer(text)]
    ends = [*(match.start() for match in found[1:]), len(text)]
    meanings = (" ".join(text[match.end() : end].split()) for match, end in zip(found, ends, strict=True))
    return {match[1]: meaning.removesuffix(".") for match, meaning in zip(found, meanings, strict=True)}


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def documents() -> Iterator[tuple[Path, str, str]]:
    """Every document with tables: where it is, what it says, what it should say."""
    for path in sorted(DOCS.glob("*.md")):
        text = path.read_text()
        if _REGION.search(text):
            yield path, text, generated(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    differing = [(path, fresh) for path, text, fresh in documents() if text != fresh]
    if check and differing:
        names = ", ".join(path.name for path, _ in differing)
        sys.exit(f"out of date: {names} in docs/; run `make docs` and commit the result")
    for path, fresh in differing:
        path.write_text(fresh)


if __name__ == "__main__":
    main()
