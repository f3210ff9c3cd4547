"""Messages of a queue as JetStream's, and back: also those that others have published to a topic's subject."""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prism.backends.nats import headers as nats_headers
from prism.sdk.queue.calls import Outgoing
from prism.sdk.queue.rows import Message

MESSAGE_ID: Final = "Nats-Msg-Id"
TTL: Final = "Nats-TTL"
SCHEDULED: Final = "Nats-Scheduler"
FINGERPRINT: Final = "Prism-Fingerprint"
_TRACE: Final = "Prism-Traceparent"
_EXPIRES: Final = "Prism-Expires"
_FIXED: Final = "Prism-Fixed-Id"
_OURS: Final = ("prism-", "nats-")
MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as a stream has it.

    Attributes:
        stored_at: microseconds since 1970 by JetStream's clock.
    """

    seq: int
    subject: str
    payload: bytes
    headers: Mapping[str, str]
    stored_at: int


def written(message: Outgoing, base: str) -> dict[str, str]:
    """The headers of a message. Its id is `base` and its number, unless it has an id already."""
    fixed = message.message_id
    headers = nats_headers.write(fixed or base, time.time_ns() // 1000, message.attributes)
    if fixed:
        headers[_FIXED] = "1"
    if message.traceparent:
        headers[_TRACE] = message.traceparent
    if message.fingerprint:
        headers[FINGERPRINT] = message.fingerprint.hex()
    return headers


def keep_for(headers: dict[str, str], due: int, ttl: int, retention: int, header: str = TTL) -> None:
    """Lets a message expire before its topic's retention; times in microseconds."""
    if ttl and ttl < retention:
        headers[_EXPIRES] = str(due + ttl)
        headers[header] = f"{ttl // MICROS + 2}s"  # JetStream counts whole seconds, and removes what is over


def message_id(stored: Stored) -> str:
    """The id of a message."""
    base = stored.headers.get(nats_headers.OURS, "").partition(" ")[0]
    if base and (_FIXED in stored.headers or SCHEDULED in stored.headers):
        return base
    return f"{base or 'nats'}-{stored.seq}"


def numbered(base: str, seq: int) -> str:
    """The id that a message has which was stored under a number."""
    return f"{base}-{seq}"


def number_of(message_id: str) -> int:
    """The number in an id; 0 where there is none."""
    number = message_id.rpartition("-")[2]
    return int(number) if "-" in message_id and number.isdecimal() else 0


def read(stored: Stored) -> Message:
    """A message as the rules of Queue have it."""
    headers = stored.headers
    attributes = nats_headers.attributes(headers) if nats_headers.OURS in headers else _foreign(headers)
    noted = sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
    return Message(
        0, message_id(stored), stored.payload, attributes, "", stored.stored_at, stored.stored_at, 0,
        int(headers.get(_EXPIRES, 0)), headers.get(_TRACE, ""), len(stored.payload) + noted, seq=stored.seq,
    )  # fmt: skip


def _foreign(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers of others as `h.NAME`; what is not text as `h.NAME.bin`, in base64."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if name.lower().startswith(_OURS):
            continue
        try:
            value.encode()
            found[f"h.{name}"] = value
        except UnicodeEncodeError:
            raw = value.encode("utf-8", "surrogateescape")
            found[f"h.{name}.bin"] = base64.b64encode(raw).decode()
    return found
