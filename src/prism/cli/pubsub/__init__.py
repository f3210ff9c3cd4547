"""`prism pubsub`: messages through a gateway."""

from prism.cli.pubsub.group import pubsub

__all__ = ["pubsub"]
