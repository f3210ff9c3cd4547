"""Writes the reference tables of the documents from the code, or with `--check` fails where the two differ.

A document says where a table goes: `<!-- generate: WHAT -->`, the table, `<!-- /generate -->`. WHAT is a model of
the configuration (`prism.config.sections.root:GatewaySection`), `capabilities`, `capability-defaults`, `reasons`,
`backends`, or `tree`. What options mean comes from their models' docstrings, kinds, bounds and defaults from their
fields (`prism.plugins.schema`): nothing is written twice.
"""

import argparse
import ast
import importlib
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel

from prism.interfaces.capabilities import Capabilities
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import DISTRIBUTION, Plugin, discover
from prism.plugins.schema import attributes, shown
from prism.plugins.schema import options as described
from prism.reason import Reason, ReasonGroup
from prism.sdk.capabilities import DeclaredCapabilities

DOCS = Path(__file__).parent
ROOT = DOCS.parent
WIDTH = 140
# What stands beside src/prism in the tree of docs/architecture.md: paths, and what they are for.
BEFORE_SOURCE = """\
proto/                        the contract, single source of truth
  generate.py                 generates src/prism/_proto; `make proto`
  prism/data/v1/              the abstractions, and the options of fields and operations
  prism/plugin/v1/            what a gateway and a plugin in another process say to each other
  prism/admin/v1/             what an operator asks of one gateway
  grpc/                       the standard health and reflection services
  google/rpc/                 Google's messages of errors: the folder compiles alone, and is served at /proto.zip
src/prism/
  _proto/                     generated, checked in, never edited; `make test` regenerates it and compares"""
AFTER_SOURCE = """\
native/                       the native part of the transport, in Rust, which Prism does without
  core/                       what of it knows nothing of Python: HPACK, Huffman code, runs of frames
  fuzz/                       the core under libFuzzer and AddressSanitizer
tests/                        mirrors src/prism; contract/ runs the kit on every backend; e2e/ is about whole processes
examples/                     plugins to copy: python-plugin, and go-plugin on the stock go-plugin library
bench/                        workloads; `make bench`
deploy/                       what to give Prometheus and Grafana
docs/                         this folder; its code blocks are run by tests/docs/
dev/setup                     what `make` runs to set a machine up; dev/native builds and lints the Rust
.github/workflows/            wheels.yml, which builds the wheels of the native part"""
_RELOAD = "two instances may serve the same store at once (`overlap`), or the old one must stop first (`handover`)"
_REGION = re.compile(r"(<!-- generate: (\S+) -->\n).*?(<!-- /generate -->)", re.DOTALL)


def generated(text: str) -> str:
    """A document with its tables as the code has them."""
    return _REGION.sub(lambda match: f"{match[1]}{_content(match[2])}\n{match[3]}", text)


def _content(what: str) -> str:
    if what == "capabilities":
        return _capabilities(_built_in())
    if what == "capability-defaults":
        return _capability_defaults()
    if what == "reasons":
        return "\n\n".join(map(_reasons, ReasonGroup))
    if what == "backends":
        return "\n\n".join(_backend(each) for each in _built_in())
    if what == "tree":
        return "\n".join(["```", BEFORE_SOURCE, *_tree(ROOT / "src" / "prism", "  "), AFTER_SOURCE, "```"])
    module, _, name = what.partition(":")
    return options(getattr(importlib.import_module(module), name))


def _tree(folder: Path, indent: str) -> Iterator[str]:
    """A line for each package below a folder, and for each module right under the root."""
    for path in sorted(folder.iterdir(), key=lambda each: (each.is_dir(), each.name)):
        if path.is_dir() and path.name not in {"__pycache__", "_proto"} and (path / "__init__.py").exists():
            yield f"{indent}{path.name}/".ljust(30) + _first_line(path / "__init__.py")
            yield from _tree(path, indent + "  ")
        elif path.suffix == ".py" and len(indent) == 2 and not path.stem.startswith("__"):
            yield f"{indent}{path.name}".ljust(30) + _first_line(path)


def _first_line(module: Path) -> str:
    lines = (ast.get_docstring(ast.parse(module.read_text())) or "").splitlines()
    return lines[0] if lines else sys.exit(f"{module} has no docstring")


def _built_in() -> list[Plugin]:
    plugins = (each for each in discover().found.values() if each.distribution == DISTRIBUTION)
    return sorted(plugins, key=lambda each: each.name)


def _capabilities(plugins: list[Plugin]) -> str:
    """What each backend declares for each abstraction, and what each capability means."""
    meanings, common = attributes(Capabilities), tuple(Capabilities.model_fields)
    rows = [["`reload`", _RELOAD, *(each.manifest.capabilities.reload for each in plugins)]]
    rows += [[f"`{name}`", meanings[name], *(_degrees(each, name) for each in plugins)] for name in common]
    parts = ["Of every abstraction:", table(["capability", "meaning", *map(_link, plugins)], rows)]
    for interface in interfaces().values():
        serving = [each for each in plugins if interface.name in each.manifest.interfaces]
        meanings = attributes(interface.capabilities)
        rows = [
            [f"`{name}`", meanings[name], *(_degrees(each, name, interface.name) for each in serving)]
            for name in interface.capabilities.model_fields
            if name not in common
        ]
        parts += [f"Of {interface.protocol.__name__}:", table(["capability", "meaning", *map(_link, serving)], rows)]
    return "\n\n".join(parts)


def _capability_defaults() -> str:
    """Every capability, whose it is, and what it is in a manifest that does not name it."""
    rows = [["the plugin", "`reload`", _RELOAD, f"`{DeclaredCapabilities().reload}`"]]
    models = [("every abstraction", Capabilities)]
    models += [(interface.protocol.__name__, interface.capabilities) for interface in interfaces().values()]
    for of, model in models:
        meanings = attributes(model)
        rows += [
            [of, f"`{name}`", meanings[name], shown(field.default)]
            for name, field in model.model_fields.items()
            if model is Capabilities or name not in Capabilities.model_fields
        ]
    return table(["of", "capability", "meaning", "left out"], rows)


def _link(plugin: Plugin) -> str:
    return f"[{plugin.name}](#{plugin.name})"


def _degrees(plugin: Plugin, name: str, *of: str) -> str:
    """What is declared, once where it is the same for all abstractions."""
    declared = plugin.manifest.capabilities.by_interface
    said = {each: shown(getattr(declared[each], name)) for each in of or declared}
    (usual, _), *_ = Counter(said.values()).most_common()
    return ", ".join([usual, *(f"{each}: {value}" for each, value in said.items() if value != usual)])


def _reasons(group: ReasonGroup) -> str:
    """The reasons of one group, with their statuses."""
    rows = [
        [", ".join(f"`{code.name}`" for code in each.codes), f"`{each}`", each.meaning, each.remedy]
        for each in Reason
        if each.group is group
    ]
    return f"{group.value}\n\n{table(['status', 'reason', 'meaning', 'what helps'], rows)}"


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
    rows = []
    for each in described(model):
        if not each.meaning:
            sys.exit(f"{model.__name__}.{each.name} has no line in its model's docstring")
        rows.append([f"`{each.name}`", each.kind, "required" if each.required else each.default, each.meaning])
    return table(["option", "kind", "default", "meaning"], rows)


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
