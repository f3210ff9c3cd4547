"""Times and sizes of Queue that are a matter of configuration."""

from pydantic import Field

from prism.sdk.backend import Config


class QueueOptions(Config):
    """Options of Queue, the same for each backend that serves it.

    Attributes:
        create: topics and groups make themselves, by Publish, Consume and Receive.
        resume_window: seconds that a stream which broke keeps its messages for the next one of its consumer.
        max_wait: longest seconds that Receive waits.
    """

    create: bool = True
    resume_window: float = Field(default=10.0, ge=0, le=3600)
    max_wait: float = Field(default=20.0, ge=0, le=300)
