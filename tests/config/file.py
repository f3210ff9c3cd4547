"""A configuration file of a test's own, loaded with toy plugins."""

from pathlib import Path

import pytest

from control.world import toy_plugins
from prism.config.loading import load
from prism.config.specification import Loaded
from prism.config.yaml.problem import ConfigInvalid, Problem
from prism.plugins.discovery import Plugins

ENVIRONMENT = {"PRISM_SECRET_PW": "hunter2", "SIZE": "9", "DSN": "toy://u:swordfish@h/db"}


class File:
    """A configuration file."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "prism.yaml"

    def load(self, text: str, plugins: Plugins | None = None) -> Loaded:
        self.path.write_text(text)
        return load(self.path, plugins or toy_plugins(), ENVIRONMENT)

    def problems(self, text: str, plugins: Plugins | None = None) -> dict[str, Problem]:
        """The problems by path."""
        with pytest.raises(ConfigInvalid) as caught:
            self.load(text, plugins)
        assert "Traceback" not in str(caught.value)
        return {each.path: each for each in caught.value.problems}
