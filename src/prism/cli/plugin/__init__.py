"""`prism plugin`: the plugins of a running gateway."""

from prism.cli.plugin.group import plugin

__all__ = ["plugin"]
