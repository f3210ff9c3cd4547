"""`prism.host.testing`, by its public name."""

from prism.host.testing import NotStarted, RunningPlugin, running

__all__ = ["NotStarted", "RunningPlugin", "running"]
