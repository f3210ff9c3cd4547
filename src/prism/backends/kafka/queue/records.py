"""Messages as records of Kafka, and records as messages.

What Prism publishes has its attributes as headers of their names and what is Prism's own under `prism.`; the ordering
key is the record's key. Of what others have published each header comes as `h.NAME`, or `h.NAME.bin` in base64 where it
is not UTF-8; a second one of a name is `h.NAME.2`.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Message as Received

from prism.backends.kafka.producer import Record
from prism.sdk.queue.calls import Outgoing
from prism.sdk.queue.outgoing import MAX_ATTRIBUTES
from prism.sdk.queue.rows import Message

Headers = Sequence[tuple[str, bytes | None]]

ID: Final = "prism.id"
TTL: Final = "prism.ttl"
TRACE: Final = "prism.trace"
KEY: Final = "prism.key"
AT: Final = "prism.at"
NULL: Final = "prism.null"
DEAD: Final = "prism.dead"
_ESCAPED: Final = "prism.a."
"""Begins an attribute whose own name begins with `prism.`."""
_MOST_ATTRIBUTES: Final = 64
_LATEST: Final = 253_402_300_800_000_000
"""The year 10,000, in microseconds."""
MALFORMED: Final = "MALFORMED"
TOO_LARGE: Final = "TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is, and when it came there, in microseconds."""

    topic: str
    partition: int
    offset: int
    at: int


def record(message: Outgoing, topic: str, message_id: str) -> Record:
    """What is published."""
    headers: list[tuple[str, bytes | None]] = [(ID, message_id.encode())]
    for name, value in message.attributes.items():
        headers.append((f"{_ESCAPED}{name}" if name.startswith("prism.") else name, value.encode()))
    if message.ttl:
        headers.append((TTL, b"%d" % message.ttl))
    if message.traceparent:
        headers.append((TRACE, message.traceparent.encode()))
    key = message.ordering_key.encode() if message.ordering_key else None
    return Record(topic, message.payload, key, headers)


def place_of(received: Received) -> Place:
    """Where a record came from."""
    _, milliseconds = received.timestamp()
    return Place(received.topic() or "", received.partition() or 0, received.offset() or 0, milliseconds * 1000)


def headers_of(received: Received) -> Headers:
    """The headers of a record, as Kafka has them."""
    found = received.headers()
    pairs = found.items() if isinstance(found, dict) else found or ()
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]


def message_of(received: Received, retention: int, max_item: int) -> tuple[Message, str]:
    """The message of a record, and why it cannot be delivered; empty where it can.

    Args:
        received: from the consumer.
        retention: of its topic, in microseconds.
        max_item: bytes of a payload that can be delivered.
    """
    try:
        return _read(received, retention, max_item)
    except ValueError:  # it bears headers of Prism's, and is not of Prism
        place, payload = place_of(received), received.value()
        content = bytes(payload) if isinstance(payload, bytes) else (payload or "").encode()
        message = Message(
            0, f"{place.partition}-{place.offset}", content, {}, "", place.at, place.at, 0,
            place.at + retention, size=len(content), seq=place.offset, partition=place.partition,
            null_payload=payload is None,
        )  # fmt: skip
        return message, MALFORMED


def _read(received: Received, retention: int, max_item: int) -> tuple[Message, str]:
    place, headers, payload = place_of(received), headers_of(received), received.value()
    own = {name: value or b"" for name, value in headers if name.startswith("prism.")}
    raw_key = received.key()
    raw = raw_key.encode() if isinstance(raw_key, str) else raw_key or b""
    try:
        key = raw.decode()
    except UnicodeDecodeError:
        key = base64.b64encode(raw).decode()
    ours = ID in own
    attributes = own_attributes(headers) if ours else _foreign(headers)
    at = int(own[AT]) if AT in own else place.at
    if not 0 <= at < _LATEST:
        raise ValueError(f"{AT} is not a time")
    ttl = max(int(own.get(TTL, b"0")), 0)
    content = bytes(payload) if isinstance(payload, bytes) else (payload or "").encode()
    noted = sum(len(name) + len(value) for name, value in attributes.items())
    message = Message(
        0,
        own[ID].decode() if ours else f"{place.partition}-{place.offset}",
        content,
        attributes,
        own[KEY].decode() if KEY in own else key,
        at,
        place.at,
        ttl,
        place.at + (min(ttl, retention) if ttl else retention),
        traceparent=own.get(TRACE, b"").decode(),
        size=len(content) + noted,
        seq=place.offset,
        partition=place.partition,
        null_payload=payload is None or NULL in own,
    )
    if len(content) > max_item:
        return message, TOO_LARGE
    if len(attributes) > _MOST_ATTRIBUTES or noted > MAX_ATTRIBUTES:
        return message, TOO_LARGE
    return message, "" if len(message.ordering_key.encode()) <= _MOST_KEY else MALFORMED


_MOST_KEY: Final = 512


def own_attributes(headers: Headers) -> Mapping[str, str]:
    """The attributes of what Prism has published."""
    found = {}
    for name, value in headers:
        if name.startswith(_ESCAPED):
            found[name[len(_ESCAPED) :]] = (value or b"").decode(errors="replace")
        elif not name.startswith("prism."):
            found[name] = (value or b"").decode(errors="replace")
    return found


def _foreign(headers: Headers) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        content = value or b""
        try:
            place, text = f"h.{name}", content.decode()
        except UnicodeDecodeError:
            place, text = f"h.{name}.bin", base64.b64encode(content).decode()
        number = 2
        base = place
        while place in found:
            place = f"{base}.{number}"
            number += 1
        found[place] = text
    return found


def raw_headers(message: Message) -> list[tuple[str, bytes | None]]:
    """The headers of a message that moves to another topic under its id."""
    moved = Outgoing("", b"", message.attributes, ttl=message.ttl, traceparent=message.traceparent)
    return [*record(moved, "", message.message_id).headers]


def dead_record(message: Message, topic: str, reason: str, attempts: int, now: int, *, redriven: bool) -> Record:
    """A message that died, for the topic of a group's dead; its key tells it from the others."""
    noted = {"reason": reason[:1024], "attempts": attempts, "at": now, "published_at": message.published_at,
             "key": message.ordering_key, "null": message.null_payload,
             "place": None if redriven else [message.partition, message.seq]}  # fmt: skip
    headers = [*raw_headers(message), (DEAD, json.dumps(noted).encode())]
    return Record(topic, message.payload, message.message_id.encode(), headers)


def redriven_record(message: Message, topic: str) -> Record:
    """A dead message that is brought back; it has no place in the order, but for those who look at it."""
    headers = [*raw_headers(message), (AT, b"%d" % message.published_at)]
    if message.ordering_key:
        headers.append((KEY, message.ordering_key.encode()))
    if message.null_payload:
        headers.append((NULL, b"1"))
    return Record(topic, message.payload, None, headers)


def letter(message: Message, topic: str, noted: Mapping[str, str]) -> Record:
    """A dead message on its way to another topic, with what is noted of it."""
    moved = Outgoing(
        "", message.payload, {**message.attributes, **noted}, message.ordering_key, traceparent=message.traceparent
    )
    return record(moved, topic, message.message_id)


def noted_of(headers: "Iterable[tuple[str, bytes | None]]") -> Mapping[str, object]:
    """What `dead_record` has noted."""
    for name, value in headers:
        if name == DEAD and value:
            found: Mapping[str, object] = json.loads(value)
            return found
    return {}
