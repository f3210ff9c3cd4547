"""`prism object`: objects through a gateway."""

from prism.cli.object.group import object_

__all__ = ["object_"]
