"""A message's attributes, id and time as NATS's headers, so that other clients of NATS can read and write them too.

An attribute is a header of its own, as it stands where NATS allows that; what would be lost or misread on the way
(spaces at the ends, line breaks, what is not ASCII, `%`), and names that NATS itself gives a meaning to (`Nats-...`),
is percent-encoded. Only messages of ours carry `Prism-Message`; others' headers are taken as they are.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from google.protobuf.timestamp_pb2 import Timestamp

from prism.interfaces.pubsub import Message

OURS = "Prism-Message"

_PLAIN_NAME = re.compile(r"(?!nats-|prism-)[!#$&'*+\-.^_`|~0-9A-Za-z]+", re.IGNORECASE)
_SAFE_IN_NAMES = "!#$&'*+^`|"
_PLAIN_VALUE = re.compile(r"(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?")
_SAFE_IN_VALUES = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_NAMELESS = "%"
_NOT_ATTRIBUTES = ("prism-", "nats-")
_FIXED = len(b"NATS/1.0\r\n\r\n")


def write(message_id: str, microseconds: int, attributes: Mapping[str, str]) -> dict[str, str]:
    """The headers of a message, in ASCII."""
    headers = {OURS: f"{message_id} {microseconds}"}
    for name, value in attributes.items():
        headers[_name(name)] = value if _PLAIN_VALUE.fullmatch(value) else quote(value, safe=_SAFE_IN_VALUES)
    return headers


def size(headers: Mapping[str, str]) -> int:
    """How many bytes they are on the wire."""
    return _FIXED + sum(len(name) + len(value) + 4 for name, value in headers.items())


def read(headers: Mapping[str, str] | None, message: Message) -> bool:
    """Puts what the headers say into a message; whether it is one of ours, with an id and a time."""
    if not headers:
        return False
    ours = headers.get(OURS, "")
    message_id, _, microseconds = ours.partition(" ")
    if not (message_id and microseconds.isdecimal()):
        message.attributes.update(headers)
        return False
    seconds, rest = divmod(int(microseconds), 1_000_000)
    message.message_id = message_id
    message.published_at.CopyFrom(Timestamp(seconds=seconds, nanos=rest * 1000))
    if len(headers) > 1:
        message.attributes.update(attributes(headers))
    return True


def attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """The attributes in the headers of one of our messages; what NATS and Prism say of it is none."""
    return {
        _text(name): unquote(value) if "%" in value else value
        for name, value in headers.items()
        if not name.lower().startswith(_NOT_ATTRIBUTES)
    }


def foreign(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a message that is not ours, without those of NATS itself."""
    return {name: value for name, value in headers.items() if not name.lower().startswith("nats-")}


def _name(name: str) -> str:
    if _PLAIN_NAME.fullmatch(name):
        return name
    encoded = quote(name, safe=_SAFE_IN_NAMES)
    if _PLAIN_NAME.fullmatch(encoded.replace("%", "_")):
        return encoded
    return f"%{ord(name[0]):02X}{quote(name[1:], safe=_SAFE_IN_NAMES)}" if name else _NAMELESS


def _text(name: str) -> str:
    return "" if name == _NAMELESS else unquote(name)
