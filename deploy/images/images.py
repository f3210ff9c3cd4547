"""The images: what each holds and how it starts. A plugin that is added to `prism.backends` has one by itself."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_OWN: Final = "prism-gateway["


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
        name: behind `prism/`.
        kind: the stage of the Dockerfile that it is: `gateway`, `plugin` or `role`.
        title: what it is, in a line.
        extras: of the distribution.
        plugin: that it serves, if it is one.
        role: of ADR-025, if it has one.
        broker: of a role.
        alias: another name, from the documents that Prism is built from.
        promised: its size as the plugins README has it.
    """

    name: str
    kind: str
    title: str
    extras: Sequence[str] = ()
    plugin: str = ""
    role: str = ""
    broker: str = ""
    alias: str = ""
    promised: str = ""

    def arguments(self) -> dict[str, str]:
        """What the Dockerfile wants to know of it."""
        return {
            "NAME": self.name, "TITLE": self.title, "PLUGIN": self.plugin, "ROLE": self.role, "BROKER": self.broker
        }  # fmt: skip

    def requirements(self) -> list[str]:
        """What it needs of others, as pyproject.toml says."""
        project = _project()
        return sorted({*project["dependencies"], *_needed(self.extras, project["optional-dependencies"])})


_PROMISED: Final = {"postgres": "30-40 MB", "kafka": "40-50 MB", "redis": "10-20 MB"}


def images() -> tuple[Image, ...]:
    """All of them, the gateway first."""
    extras = set(_project()["optional-dependencies"])
    plugins = sorted(path.parent.name for path in (ROOT / "src" / "prism" / "backends").glob("*/plugin.toml"))
    brokers = ("kafka", "nats")
    return (
        Image("gateway", "gateway", "Prism, a data access gateway, with all its backends", ("all",), alias="proxy"),
        *(
            Image(
                f"{name}-plugin", "plugin", f"The {name} backend of Prism", (name,) if name in extras else (),
                plugin=name, promised=_PROMISED.get(name, ""),
            )
            for name in plugins
        ),
        *(
            Image(
                f"{broker}-{role}", "role", f"Moves messages between a queue of Prism and {broker}", (broker,),
                role=role, broker=broker,
            )
            for broker in brokers
            for role in ("publisher", "consumer")
        ),
        Image("mailbox-listener", "role", "Hands the messages of a mailbox to a queue of Prism", role="listener"),
        Image("transact-processor", "role", "Transact on tables of PostgreSQL", ("postgres",), role="processor"),
        Image("indexed-reader", "role", "Reader on tables of PostgreSQL", ("postgres",), role="reader"),
    )  # fmt: skip


def everything() -> list[str]:
    """What any of them needs."""
    return sorted({each for image in images() for each in image.requirements()})


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _needed(extras: Sequence[str], known: dict[str, list[str]]) -> Iterator[str]:
    for extra in extras:
        for each in known[extra]:
            if each.startswith(_OWN):
                yield from _needed(each.removeprefix(_OWN).partition("]")[0].split(","), known)
            else:
                yield each
