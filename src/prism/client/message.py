"""The messages of PubSub as an application sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prism.errors import PrismError
from prism.interfaces import pubsub as messages


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a subscriber gets it.

    Attributes:
        topic: what it is about.
        payload: its content.
        attributes: the publisher's own notes on the payload.
        id: never given to another message of the namespace.
        published_at: when a gateway took it, by that gateway's clock.
        position: from where a later subscription of the same pattern goes on behind it; empty without `start`.
    """

    topic: str
    payload: bytes
    attributes: Mapping[str, str]
    id: str
    published_at: datetime
    position: bytes = b""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish, where there are several.

    Attributes:
        topic: what it is about.
        payload: its content.
        attributes: notes on the payload.
        ordering_key: messages of one key keep their order, where the backend declares `ordering`.
    """

    topic: str
    payload: bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class PublishResult:
    """The result for one message of a batch: its `id`, or its own `error`."""

    id: str
    error: PrismError | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages that a subscription may have missed before it was established again.

    Attributes:
        missed: how many are known to be missed, at least; None where the number is not known.
        after: id of the last message before the gap; empty where there was none.
        error: why the stream broke.
    """

    missed: int | None
    after: str
    error: PrismError

    def __str__(self) -> str:
        count = "messages may have been" if self.missed is None else f"{self.missed} messages or more were"
        return f"{count} missed: {self.error.message}"


def to_message(message: messages.Message) -> Message:
    """The message of the contract as an application sees it."""
    at = message.published_at
    published_at = datetime.fromtimestamp(at.seconds, UTC).replace(microsecond=at.nanos // 1000)
    return Message(
        message.topic, message.payload, dict(message.attributes), message.message_id, published_at, message.position
    )
