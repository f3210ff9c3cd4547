"""Times and sizes of PubSub that persists."""

from pydantic import ByteSize, Field

from prism.sdk.backend import Config


class PubSubOptions(Config):
    """Options of PubSub that persists, the same for each backend that serves it.

    Attributes:
        retention: seconds that a message is kept.
        max_bytes: most bytes that the messages of one namespace take; then the oldest go before their time. 0: no
            limit.
        progress_interval: seconds after which a subscription that has nothing to send says where it stands.
        buffer_bytes: bytes of the newest messages of a namespace that are kept at hand for all its subscriptions; one
            that is further behind reads from the store.
        max_catching_up: most subscriptions that read what is further behind at the same time; one more is refused.
    """

    retention: float = Field(default=86_400.0, gt=0)
    max_bytes: ByteSize = Field(default=ByteSize(1 << 30), ge=0)
    progress_interval: float = Field(default=10.0, gt=0, le=3600)
    buffer_bytes: ByteSize = Field(default=ByteSize(8 << 20), gt=0)
    max_catching_up: int = Field(default=64, ge=1)
