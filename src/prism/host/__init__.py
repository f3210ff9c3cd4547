"""A plugin in a process of its own: what serves `prism.plugin.v1` over a backend, and the life of that process."""

from prism.host.command import main, serve

__all__ = ["main", "serve"]
