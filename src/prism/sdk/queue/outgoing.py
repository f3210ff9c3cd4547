"""Messages on their way into and out of a store."""

from hashlib import blake2b

from prism.context import Context
from prism.interfaces import queue as q
from prism.sdk.queue.calls import Delivery, Outgoing
from prism.sdk.queue.configuration import invalid, micros
from prism.sdk.queue.rows import Message

MAX_ATTRIBUTES = 8192
"""Bytes of the names and values of a message's attributes."""


def outgoing(request: q.PublishRequest, context: Context, max_payload: int) -> Outgoing:
    """A message as a store takes it.

    Raises:
        InvalidArgument: it breaks a rule that the .proto cannot say, or is larger than can be delivered (15).
    """
    attributes = dict(request.attributes)
    noted = sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
    if noted > MAX_ATTRIBUTES:
        raise invalid("attributes", f"{noted} bytes", f"at most {MAX_ATTRIBUTES} in all are allowed")
    size = noted + len(request.payload)
    if request.ByteSize() + 1024 > max_payload:
        raise invalid("payload", f"{size} bytes with the attributes", f"a delivery has at most {max_payload - 1024}")
    if request.ordering_key and (request.HasField("delay") or request.HasField("deliver_at")):
        raise invalid("ordering_key", "one with a delay", "a message of a key is due at once")
    key = request.idempotency_key
    return Outgoing(
        request.topic,
        request.payload,
        attributes,
        request.ordering_key,
        delay=micros(request.delay),
        deliver_at=micros(request.deliver_at),
        ttl=micros(request.ttl),
        idempotency_key=key,
        fingerprint=fingerprint(request) if key else b"",
        traceparent=context.traceparent,
        size=size,
    )


def fingerprint(request: q.PublishRequest | q.CommitRequest) -> bytes:
    """Of all that a request says, to tell a repetition from another one with the same key."""
    return blake2b(request.SerializeToString(deterministic=True), digest_size=16).digest()


def delivered(delivery: Delivery, topic: str, receipt: str) -> q.Message:
    """A message as a consumer gets it."""
    message = q.Message()
    fill(message, delivery, topic, receipt)
    return message


def fill(into: q.Message, delivery: Delivery, topic: str, receipt: str) -> None:
    """Makes an empty message that of a delivery."""
    _fill(into, delivery.message, topic)
    into.attempt, into.receipt = delivery.attempt, receipt


def plain(message: Message, topic: str) -> q.Message:
    """A message as it was published."""
    made = q.Message()
    _fill(made, message, topic)
    return made


def _fill(into: q.Message, message: Message, topic: str) -> None:
    """Field by field, and nothing that is not set: a constructor with names takes twice as long."""
    into.message_id, into.topic, into.payload = message.message_id, topic, message.payload
    into.offset = message.seq
    published = into.published_at
    published.seconds, left = divmod(message.published_at, 1_000_000)
    published.nanos = left * 1000
    if message.attributes:
        into.attributes.update(message.attributes)
    if message.ordering_key:
        into.ordering_key = message.ordering_key
    if message.traceparent:
        into.traceparent = message.traceparent
    if message.partition:
        into.partition = message.partition
    if message.null_payload:
        into.null_payload = True
