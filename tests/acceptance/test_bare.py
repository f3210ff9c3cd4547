"""The kit assumes no capability: a plugin that declares none passes, and what it lacks is refused."""

from pathlib import Path

from prism.acceptance import PluginAcceptanceHarness
from prism.plugins.discovery import Plugin
from prism.plugins.manifest import read

MANIFEST = Path(__file__).parent / "plugins" / "bare" / "plugin.toml"

bare = PluginAcceptanceHarness(
    Plugin(read(MANIFEST.read_bytes()), "acceptance.plugins.bare"), suites=("keyvalue",), ways=("binding",)
)
