"""The acceptance kit is a plugin of pytest."""

pytest_plugins = ["prism.acceptance.pytest_plugin"]
