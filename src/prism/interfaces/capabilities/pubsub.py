"""What a backend's PubSub can do."""

from prism.interfaces.capabilities.base import Capabilities


class PubSubCapabilities(Capabilities):
    """What a backend's PubSub can do.

    Attributes:
        ordering: messages of one key keep their order.
        queue_groups: subscribers may share a subscription.
        persistent: messages are kept, and a subscription may begin in the past.
    """

    ordering: bool = False
    queue_groups: bool = False
    persistent: bool = False
