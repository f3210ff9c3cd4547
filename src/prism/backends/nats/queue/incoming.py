"""Messages as they come from JetStream: from a consumer, whose reply subject says the rest, or read from a stream."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg

from prism.backends.nats.queue.messages import Stored

_ACK_TOKENS = 9
"""Of the reply subject of older servers; newer ones have the domain and the account before the stream."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from a consumer.

    Attributes:
        consumer: which one.
        delivery: how often it was delivered.
        place: number of the delivery in the consumer.
        pending: messages that the consumer had still, when this one was sent.
    """

    stored: Stored
    consumer: str
    delivery: int
    place: int
    pending: int


def incoming(message: Msg) -> Incoming:
    """What came from a consumer."""
    tokens = message.reply.split(".")
    first = 2 if len(tokens) == _ACK_TOKENS else 4
    _, consumer, delivery, seq, place, at, pending = tokens[first : first + 7]
    kept = Stored(int(seq), message.subject, message.data, message.headers or {}, int(at) // 1000)
    return Incoming(kept, consumer, int(delivery), int(place), int(pending))


def stored(message: Msg) -> Stored:
    """What was read from a stream."""
    headers = message.headers or {}
    at = instant(headers["Nats-Time-Stamp"])
    return Stored(int(headers["Nats-Sequence"]), headers["Nats-Subject"], message.data, headers, at)


def instant(text: str) -> int:
    """Microseconds since 1970 of a time as Go writes it, with up to nanoseconds."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 1_000_000 + int(rest[:6].ljust(6, "0") if rest else 0)


def from_answer(message: Mapping[str, Any]) -> Stored:
    """A message as the API gives it."""
    head = base64.b64decode(message.get("hdrs") or "").decode("utf-8", "surrogateescape")
    lines = [line.partition(":") for line in head.split("\r\n")[1:] if line]
    headers = {name: value.strip() for name, _, value in lines}
    payload = base64.b64decode(message.get("data") or "")
    return Stored(int(message["seq"]), message["subject"], payload, headers, instant(message["time"]))
