"""`prism kv`: KeyValue data through a gateway."""

from prism.cli.kv.group import kv

__all__ = ["kv"]
