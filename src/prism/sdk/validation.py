"""Checks requests against the rules that the .proto files state, before a backend sees them.

The rules are compiled once per message type into a flat list of small functions: a check costs a microsecond or two.
Source: prism/data/v1/options.proto.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from prism._proto.data.v1 import options_pb2
from prism.errors import InvalidArgument, Violation
from prism.interfaces.operation import extension
from prism.sdk.capabilities import Capabilities

Check = Callable[[Any, str], Iterator[Violation]]
"""Looks at one message; the text is the path of the message in the request, empty or ending in a dot."""

LONGEST_TTL = 100 * 366 * 86400


class Validator:
    """Validates messages of one type against their rules and the backend's capabilities."""

    def __init__(self, descriptor: Descriptor, capabilities: Capabilities) -> None:
        self._checks = list(_checks(descriptor, capabilities))

    def __call__(self, message: Message) -> None:
        """Passes a valid message.

        Raises:
            InvalidArgument: with every violation.
            Unimplemented: a field needs a capability that the backend does not declare.
        """
        violations = [violation for check in self._checks for violation in check(message, "")]
        if violations:
            raise InvalidArgument("; ".join(map(str, violations)), violations=violations)


def _checks(descriptor: Descriptor, capabilities: Capabilities) -> Iterator[Check]:
    for oneof in descriptor.oneofs:
        if extension(oneof, options_pb2.one_required):
            yield _one_required(oneof)
    for field in descriptor.fields:
        yield from _field_checks(field, extension(field, options_pb2.rules), capabilities)


def _field_checks(field: FieldDescriptor, rules: options_pb2.FieldRules, capabilities: Capabilities) -> Iterator[Check]:
    if rules.requires and not capabilities.declares(rules.requires):
        yield _undeclared(field, rules.requires, capabilities)
    if rules.required:
        yield _required(field)
    if field.is_repeated:
        yield _max_items(field, rules.max_items or capabilities.max_batch_items)
    if rules.unique:
        yield _unique(field)
    if rules.max_value:
        yield _max_value(field, rules.max_value)
    if rules.time_to_live:
        yield _time_to_live(field)
    most = capabilities.max_item_size if rules.item_size else rules.max_bytes
    if _is_map(field):
        yield _texts_of_map(field, most)
    elif field.type == FieldDescriptor.TYPE_STRING:
        yield _each(field, _text(most))
    elif field.type == FieldDescriptor.TYPE_BYTES and most:
        yield _each(field, _octets(most))
    elif not rules.independent and (nested := _our_message(field)) is not None:
        yield _nested(field, list(_checks(nested, capabilities)))


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _our_message(field: FieldDescriptor) -> Descriptor | None:
    message = field.message_type
    return message if message is not None and message.full_name.startswith("prism.") else None


def _undeclared(field: FieldDescriptor, capability: str, capabilities: Capabilities) -> Check:
    def check(message: Any, _path: str) -> Iterator[Violation]:
        if _is_set(message, field):
            capabilities.require(capability, f"the field {field.name}")
        return iter(())

    return check


def _is_set(message: Any, field: FieldDescriptor) -> bool:
    return bool(message.HasField(field.name) if field.has_presence else getattr(message, field.name))


def _required(field: FieldDescriptor) -> Check:
    def check(message: Any, path: str) -> Iterator[Violation]:
        if not _is_set(message, field):
            yield Violation(f"{path}{field.name}", "nothing", "it is required")

    return check


def _one_required(oneof: OneofDescriptor) -> Check:
    name, alternatives = oneof.name, ", ".join(field.name for field in oneof.fields)

    def check(message: Any, path: str) -> Iterator[Violation]:
        if message.WhichOneof(name) is None:
            yield Violation(f"{path}{name}", "nothing", f"one of {alternatives} is required")

    return check


def _max_items(field: FieldDescriptor, most: int) -> Check:
    name = field.name

    def check(message: Any, path: str) -> Iterator[Violation]:
        count = len(getattr(message, name))
        if count > most:
            yield Violation(f"{path}{name}", f"{count} elements", f"at most {most} are allowed")

    return check


def _unique(field: FieldDescriptor) -> Check:
    part = None
    if field.message_type is not None:
        part = next(each.name for each in field.message_type.fields if each.name in {"key", "id"})

    def check(message: Any, path: str) -> Iterator[Violation]:
        seen: dict[Any, int] = {}
        for index, element in enumerate(getattr(message, field.name)):
            value = getattr(element, part) if part else element
            first = seen.setdefault(value, index)
            if first != index:
                where = f"{path}{field.name}[{index}]"
                yield Violation(where, f"the same {part or 'value'} as element {first}", "each may appear once")

    return check


def _max_value(field: FieldDescriptor, most: int) -> Check:
    def check(message: Any, path: str) -> Iterator[Violation]:
        value = getattr(message, field.name)
        if value > most:
            yield Violation(f"{path}{field.name}", str(value), f"at most {most} is allowed")

    return check


def _time_to_live(field: FieldDescriptor) -> Check:
    def check(message: Any, path: str) -> Iterator[Violation]:
        if not message.HasField(field.name):
            return
        ttl = getattr(message, field.name)
        if ttl.seconds < 0 or ttl.nanos < 0 or not (ttl.seconds or ttl.nanos >= 1000):
            yield Violation(f"{path}{field.name}", _seconds(ttl), "a time to live is at least a microsecond")
        elif ttl.seconds > LONGEST_TTL:
            yield Violation(f"{path}{field.name}", _seconds(ttl), f"a time to live is at most {LONGEST_TTL}s")

    return check


def _seconds(duration: Any) -> str:
    return f"{duration.seconds + duration.nanos / 1e9:g}s"


def _text(most: int) -> Callable[[str, str], Iterable[Violation]]:
    def check(value: str, where: str) -> Iterable[Violation]:
        length = len(value) if value.isascii() else len(value.encode())
        if most and length > most:
            return (Violation(where, f"{length} bytes", f"at most {most} are allowed"),)
        if "\0" in value:
            return (Violation(where, "a NUL character", "NUL is allowed in bytes fields only"),)
        return ()

    return check


def _octets(most: int) -> Callable[[bytes, str], Iterable[Violation]]:
    def check(value: bytes, where: str) -> Iterable[Violation]:
        if len(value) > most:
            return (Violation(where, f"{len(value)} bytes", f"at most {most} are allowed"),)
        return ()

    return check


def _each(field: FieldDescriptor, check_one: Callable[[Any, str], Iterable[Violation]]) -> Check:
    name = field.name

    def check_element(message: Any, path: str) -> Iterator[Violation]:
        yield from check_one(getattr(message, name), f"{path}{name}")

    def check_elements(message: Any, path: str) -> Iterator[Violation]:
        for index, value in enumerate(getattr(message, name)):
            yield from check_one(value, f"{path}{name}[{index}]")

    return check_elements if field.is_repeated else check_element


def _texts_of_map(field: FieldDescriptor, most: int) -> Check:
    check_one = _text(most)

    def check(message: Any, path: str) -> Iterator[Violation]:
        for key, value in getattr(message, field.name).items():
            yield from check_one(key, f"{path}{field.name} key")
            yield from check_one(value, f"{path}{field.name}[{key[:40]}]")

    return check


def _nested(field: FieldDescriptor, checks: list[Check]) -> Check:
    name = field.name

    def check(message: Any, path: str) -> Iterator[Violation]:
        if field.is_repeated:
            for index, element in enumerate(getattr(message, name)):
                for each in checks:
                    yield from each(element, f"{path}{name}[{index}].")
        elif message.HasField(name):
            for each in checks:
                yield from each(getattr(message, name), f"{path}{name}.")

    return check


@functools.lru_cache(maxsize=512)
def validator(descriptor: Descriptor, capabilities: Capabilities) -> Validator:
    """The validator of a message type for backends of these capabilities, compiled once."""
    return Validator(descriptor, capabilities)
