"""Messages on their way into and out of a store."""

from hashlib import blake2b

from prism.context import Context
from prism.interfaces import queue as q
from prism.sdk.queue.calls import Delivery, Outgoing
from prism.sdk.queue.configuration import invalid, micros, timestamp
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
    message = plain(delivery.message, topic)
    message.attempt, message.receipt = delivery.attempt, receipt
    return message


def plain(message: Message, topic: str) -> q.Message:
    """A message as it was published."""
    return q.Message(
        message_id=message.message_id,
        topic=topic,
        payload=message.payload,
        attributes=message.attributes,
        ordering_key=message.ordering_key,
        published_at=timestamp(message.published_at),
        offset=message.seq,
        traceparent=message.traceparent,
        partition=message.partition,
        null_payload=message.null_payload,
    )
