"""What the command line names: a plugin by its name or its folder, and a store that a file leads to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from prism.acceptance.backend import TestBackend
from prism.errors import FailedPrecondition
from prism.plugins.discovery import MANIFEST, Plugin, discover

RUNS_ALREADY = "the store that the configuration names runs already and may be others' too"


def plugin(named: str) -> Plugin:
    """The plugin of that name, or that whose manifest is in that folder.

    Raises:
        FailedPrecondition: there is none, or it cannot be used.
    """
    folder = Path(named)
    plugins = discover()
    if (folder / MANIFEST).is_file():
        within = plugins.joined_by([folder.resolve().parent])
        found = [each for each in within.found.values() if each.folder == folder.resolve()]
        if found:
            return found[0]
        problems = [each.problem for each in within.broken if Path(each.origin) == folder.resolve()]
        raise FailedPrecondition(f"{folder / MANIFEST}: {'; '.join(problems) or 'its name is taken by another plugin'}")
    if named not in plugins.found:
        broken = [each.problem for each in plugins.broken if each.name == named]
        known = f"there are {', '.join(plugins.found)}, and any folder that holds a {MANIFEST}"
        raise FailedPrecondition(f"there is no plugin {named!r}: {'; '.join(broken) or known}")
    return plugins.found[named]


class ConfiguredStore:
    """`prism.acceptance.TestBackend`: a store that runs already, reached as a namespace's configuration says."""

    lacks: Mapping[str, str] = dict.fromkeys(("rotate_credentials", "kill", "pause", "disconnect"), RUNS_ALREADY)

    def __init__(self, config: Mapping[str, object], credentials: Mapping[str, str]) -> None:
        self._config = config
        self._credentials = credentials

    async def start(self) -> None:
        """It runs."""

    async def stop(self) -> None:
        """It runs on."""

    async def reset(self) -> None:
        """What others stored stays; every run of the kit has namespaces of its own."""

    async def connection_config(self, place: str = "main") -> Mapping[str, object]:
        """The configuration; places differ by their namespaces alone."""
        return self._config

    def credentials(self) -> Mapping[str, str]:
        """The credentials."""
        return self._credentials

    async def rotate_credentials(self) -> None:
        """Lacking."""
        raise NotImplementedError(RUNS_ALREADY)

    async def kill(self) -> None:
        """Lacking."""
        raise NotImplementedError(RUNS_ALREADY)

    async def pause(self) -> None:
        """Lacking."""
        raise NotImplementedError(RUNS_ALREADY)

    async def resume(self) -> None:
        """Lacking."""
        raise NotImplementedError(RUNS_ALREADY)

    async def disconnect(self) -> None:
        """Lacking."""
        raise NotImplementedError(RUNS_ALREADY)


def configured(file: Path) -> TestBackend:
    """The store that a file with `config` and `credentials` leads to, as they stand in a namespace.

    Raises:
        FailedPrecondition: the file is not of that form.
    """
    document: Any = yaml.safe_load(file.read_text())
    if not isinstance(document, dict) or not set(document) <= {"config", "credentials"}:
        raise FailedPrecondition(f"{file}: it must hold `config` and `credentials` as a namespace has them")
    return ConfiguredStore(document.get("config") or {}, document.get("credentials") or {})
