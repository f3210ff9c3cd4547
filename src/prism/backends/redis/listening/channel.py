"""Who listens to a channel of Redis over one connection, and the commands that its kind of channel has."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from prism.errors import PrismError
from prism.interfaces.pubsub import Message
from prism.sdk import SubscriberBuffer, SubscriptionIndex
from prism.sdk.subscription_index import IndexEntry

if TYPE_CHECKING:
    from prism.backends.redis.listening.subscriber_session import SubscriberSession

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChannelCommands:
    """The commands of one kind of channel; what is pushed begins with the same words in lower case.

    Attributes:
        publish: sends a message.
        subscribe: begins to listen.
        unsubscribe: ends it.
        message: begins a message.
    """

    publish: bytes
    subscribe: bytes
    unsubscribe: bytes
    message: bytes


CLASSIC = ChannelCommands(b"PUBLISH", b"SUBSCRIBE", b"UNSUBSCRIBE", b"message")
SHARDED = ChannelCommands(b"SPUBLISH", b"SSUBSCRIBE", b"SUNSUBSCRIBE", b"smessage")


@dataclass(eq=False, slots=True)
class ChannelSubscription:
    """One subscriber.

    Attributes:
        channel: what it listens to in Redis.
        pattern: which of the messages there it wants.
        buffer: where they go.
        session: the connection where it stands, or waits for its place.
        place: its place among the channel's listeners, once the server has confirmed it.
        gone: its reader has left.
    """

    channel: bytes
    pattern: str
    buffer: SubscriberBuffer[Message]
    session: "SubscriberSession | None" = None
    place: IndexEntry[Message] | None = None
    gone: bool = False


@dataclass(slots=True)
class Channel:
    """A channel that is subscribed to, or about to be.

    Attributes:
        name: what Redis calls it.
        joining: subscribers that the server has not confirmed yet.
    """

    name: bytes
    joining: int = 0
    _subscriptions: SubscriptionIndex[Message] = field(default_factory=SubscriptionIndex)
    _listeners: set[ChannelSubscription] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self._listeners)

    @property
    def deserted(self) -> bool:
        """It has no subscriber, and none is joining."""
        return not self._listeners and not self.joining

    def join(self, listening: ChannelSubscription) -> None:
        """A subscriber takes its place: every later message that it wants goes into its buffer."""
        listening.place = self._subscriptions.join(listening.pattern, "", listening.buffer)
        self._listeners.add(listening)

    def leave(self, listening: ChannelSubscription) -> None:
        """A subscriber gives up the place that it has."""
        place, listening.place = listening.place, None
        if place is not None:
            self._subscriptions.leave(place)
            self._listeners.discard(listening)

    def deliver(self, body: bytes) -> None:
        """A message has come."""
        if not self._listeners:
            return
        try:
            message = Message.FromString(body)
        except DecodeError:
            message = Message()
        if message.message_id:
            self._subscriptions.deliver(message.topic, message, len(body), "")
        else:
            log.warning(
                "dropped a message on the Redis channel %r that Prism did not publish; find the program that "
                "publishes there and stop it",
                self.name,
            )

    def end(self, error: PrismError) -> None:
        """Its subscriptions end with that error."""
        for listening in tuple(self._listeners):
            self.leave(listening)
            listening.buffer.end(error.clone())
