"""Reads and writes messages as JSON, by protobuf's own mapping, but strictly: what the mapping's usual reader drops in
silence (characters that are not base64) or names poorly (unknown fields, wrong types) is refused by field.

Source: protobuf.dev/programming-guides/json.
"""

import base64
import binascii
import difflib
import json
import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BytesValue

from prism.errors import InvalidArgument, Violation

_MAX_SHOWN = 40
_EXACT = 1 << 53
"""Below it a double has every integer."""
_URL_SAFE = str.maketrans("-_", "+/")
_EXPECTED = {
    FieldDescriptor.CPPTYPE_BOOL: "true or false is expected, without quotes",
    FieldDescriptor.CPPTYPE_STRING: "text in quotes is expected",
    FieldDescriptor.CPPTYPE_INT32: "a whole number that fits 32 bits is expected",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number that fits 32 bits, not negative, is expected",
    FieldDescriptor.CPPTYPE_INT64: "a whole number that fits 64 bits is expected",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number that fits 64 bits, not negative, is expected",
    FieldDescriptor.CPPTYPE_FLOAT: "a number is expected",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number is expected",
}
_EXPECTED_MESSAGE = {
    "google.protobuf.Duration": 'seconds in quotes are expected, such as "3.5s"',
    "google.protobuf.Timestamp": 'a time by RFC 3339 in quotes is expected, such as "2030-01-31T12:00:00Z"',
}
_NOT_WHOLE = {FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE}
_NUMBERS = _NOT_WHOLE | {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT64,
}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_FINITE = {"NaN", "Infinity", "-Infinity"}
_EXACT = 2**53
"""Below it a double is the whole number that was written; above it, it may be the next one."""
_BASE64 = "base64 in quotes is expected"


def decode(text: bytes, kind: type[Message]) -> Message:
    """The message that the JSON stands for.

    Raises:
        InvalidArgument: it is not JSON (with line and column), or not this message's (with every field at fault).
    """
    try:
        document = _load(text)
        descriptor: Any = kind.DESCRIPTOR
        if violations := list(_of_request(document, descriptor)):
            raise InvalidArgument("; ".join(map(str, violations)), violations=violations)
        return json_format.ParseDict(document, kind(), descriptor_pool=descriptor.file.pool)
    except json_format.ParseError as error:
        # A rule that the walk does not know, such as two fields of one oneof: the mapping's own words.
        raise InvalidArgument(f"the JSON is not a {kind.DESCRIPTOR.full_name}: {error}") from error
    except RecursionError:
        raise InvalidArgument("the JSON is nested too deeply; flatten it") from None


def encode(message: Message) -> bytes:
    """The message as JSON on one line; numbers of a Struct, which has no integers, without a fraction of zero."""
    pool: Any = message.DESCRIPTOR.file.pool  # of a plugin's own message: its own, for what travels in an Any
    if not _may_hold_structs(message.DESCRIPTOR):
        return json_format.MessageToJson(message, indent=None, ensure_ascii=False, descriptor_pool=pool).encode()
    return json.dumps(_whole(json_format.MessageToDict(message, descriptor_pool=pool)), ensure_ascii=False).encode()


@lru_cache(maxsize=1024)  # plugins may be replaced, and their messages with them
def _may_hold_structs(descriptor: Any) -> bool:
    """Whether a message, or one within it, has a field of google.protobuf.Struct."""
    found, left = {descriptor}, [descriptor]
    while left:
        kind = left.pop()
        if kind.full_name == Struct.DESCRIPTOR.full_name:
            return True
        fresh = {field.message_type for field in kind.fields if field.message_type is not None} - found
        found |= fresh
        left += fresh
    return False


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and abs(value) < _EXACT and value.is_integer() else value


def _load(text: bytes) -> Any:
    if not text.strip():
        raise InvalidArgument("the request has no body; send a JSON object, {} at least")
    try:
        return json.loads(text.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidArgument(f"the request is not JSON: {error.msg} at {where}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the request is not JSON: byte {error.start} is not UTF-8") from error
    except ValueError as error:  # a number of thousands of digits
        raise InvalidArgument(f"the request is not JSON that can be read: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgument(f"the JSON object has the field {_shown(twice)} more than once; keep one")
    return members


def _no_constant(name: str) -> Any:
    raise InvalidArgument(f"the request is not JSON: {name} is not a JSON number; put it in quotes")


def _of_request(document: Any, descriptor: Descriptor) -> Iterator[Violation]:
    """Every field at fault; a request that is one of protobuf's own messages has a form of its own."""
    if not descriptor.full_name.startswith("google.protobuf."):
        yield from _violations(document, descriptor, "")
    elif descriptor.full_name == BytesValue.DESCRIPTOR.full_name and not _is_base64(document):
        yield Violation("the request", _shown(document), _BASE64)


def _violations(value: Any, descriptor: Descriptor, path: str) -> Iterator[Violation]:
    """Every field at fault in the JSON `value` of a message."""
    if not isinstance(value, dict):
        yield Violation(path.removesuffix(".") or "the request", _shown(value), "an object {...} is expected")
        return
    fields = {field.json_name: field for field in descriptor.fields}
    for name, member in value.items():
        field = fields.get(name) or descriptor.fields_by_name.get(name)
        if field is None:
            yield Violation(f"{path}{name[:_MAX_SHOWN]}", "an unknown field", _known(name, list(fields)))
        elif member is not None:  # null is the same as leaving it out
            yield from _field_violations(member, field, f"{path}{name}")


def _known(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name[:_MAX_SHOWN], known, 1)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return f"known are {', '.join(known)}" if known else "the message has no fields"


def _field_violations(value: Any, field: FieldDescriptor, path: str) -> Iterator[Violation]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        if isinstance(value, dict):
            element = field.message_type.fields_by_name["value"]
            for key, member in value.items():
                yield from _value_violations(member, element, f"{path}[{key[:_MAX_SHOWN]}]")
        else:
            yield Violation(path, _shown(value), "an object {...} is expected")
    elif field.is_repeated:
        if isinstance(value, list):
            for index, member in enumerate(value):
                yield from _value_violations(member, field, f"{path}[{index}]")
        else:
            yield Violation(path, _shown(value), "a list [...] is expected")
    else:
        yield from _value_violations(value, field, path)


def _value_violations(value: Any, field: FieldDescriptor, path: str) -> Iterator[Violation]:
    message = field.message_type
    if message is not None and not message.full_name.startswith("google.protobuf."):
        yield from _violations(value, message, f"{path}.")
    elif field.type == FieldDescriptor.TYPE_BYTES:
        if not _is_base64(value):
            yield Violation(path, _shown(value), _BASE64)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING and isinstance(value, str) and value.isascii():
        pass  # nearly every field: spares the trial below
    elif not _can_be(value, field):
        yield Violation(path, _shown(value), _expected(field))


def _is_base64(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    digits = value.rstrip("=").translate(_URL_SAFE)
    try:
        base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _can_be(value: Any, field: FieldDescriptor) -> bool:
    """Whether the mapping takes the value, found by trial on a message that holds nothing else."""
    try:
        trial = [value] if field.is_repeated else value
        message: Any = field.containing_type
        json_format.ParseDict({field.name: trial}, GetMessageClass(message)(), descriptor_pool=message.file.pool)
    except (json_format.ParseError, OverflowError):
        return False
    return value is not None and (field.cpp_type not in _NUMBERS or _is_number(value, field))


def _is_number(value: Any, field: FieldDescriptor) -> bool:
    """Whether a number that the mapping takes is JSON's, not only Python's, and stays what it is."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return field.cpp_type in _NOT_WHOLE and value in _NOT_FINITE
    number = float(value)
    if field.cpp_type in _NOT_WHOLE:
        return math.isfinite(number)
    return not (isinstance(value, float) or "." in str(value) or "e" in str(value).lower()) or abs(number) < _EXACT


def _expected(field: FieldDescriptor) -> str:
    if field.enum_type is not None:
        return f"one of {', '.join(value.name for value in field.enum_type.values)} is expected"
    if field.message_type is not None:
        return _EXPECTED_MESSAGE.get(field.message_type.full_name, "another form is expected; see the JSON mapping")
    return _EXPECTED[field.cpp_type]


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
