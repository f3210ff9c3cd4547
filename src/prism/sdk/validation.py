"""Checks requests against the rules that the .proto files state, before a backend sees them.

The rules are compiled once per message type into a flat list of small functions, which build nothing for a valid
message: a check costs a microsecond. Source: prism/data/v1/options.proto.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

from prism._proto.data.v1 import options_pb2
from prism.errors import InvalidArgument, Violation
from prism.interfaces.capabilities import Capabilities
from prism.interfaces.filter import Filter, filter_violation
from prism.interfaces.operation import extension
from prism.interfaces.value import Value, value_violation
from prism.sdk.value_limits import Limit, octets, text, topic

Check = Callable[[Any, str, list[Violation]], None]
"""Looks at one message and adds what is wrong; the text is the message's path: empty, or ending in a dot."""

OwnViolation = Callable[[Any, str], Violation | None]
"""The first rule that a message breaks; the text is what it is called."""

_OF_THEIR_OWN: Mapping[str, OwnViolation] = {
    Value.DESCRIPTOR.full_name: value_violation,
    Filter.DESCRIPTOR.full_name: filter_violation,
}
"""Messages within messages of their own kind, whose rules are about the whole."""

MAX_TTL = 100 * 366 * 86400

EXPIRY_TIME_END = 8_835_955_200
"""Seconds from 1970 to 2250: in microseconds still exact as a double, which is what Redis' scripts count in."""

_GOOD = 1000
"""Names of a map that are remembered as good ones."""

MAX_VIOLATIONS = 20
"""A request may be wrong a million times over; no reader needs more than these."""


class _Enough(Exception):
    """Enough violations were found: the rest of the message is not checked."""


class _Violations(list[Violation]):
    """Those that were found; holds no more than are reported."""

    __slots__ = ()

    def append(self, violation: Violation) -> None:
        super().append(violation)
        if len(self) >= MAX_VIOLATIONS:
            raise _Enough


class _Any(list[Violation]):
    """Whether there are any: the first is enough."""

    __slots__ = ()

    def append(self, _: Violation) -> None:
        raise _Enough


class Validator:
    """Validates messages of one type against their rules and the backend's capabilities."""

    def __init__(self, descriptor: Descriptor, capabilities: Capabilities) -> None:
        self._checks = tuple(_checks(descriptor, capabilities))

    def __call__(self, message: Message) -> None:
        """Passes a valid message.

        Raises:
            InvalidArgument: with every violation, up to `MAX_VIOLATIONS`. Of a list that is too long the elements are
                not looked at.
            Unimplemented: a field needs a capability that the backend does not declare.
        """
        violations = _Violations()
        try:
            for check in self._checks:
                check(message, "", violations)
        except _Enough:
            pass
        if violations:
            raise InvalidArgument("; ".join(map(str, violations)), violations=violations)


@functools.lru_cache(maxsize=512)
def validator(descriptor: Descriptor, capabilities: Capabilities) -> Validator:
    """The validator of a message type for backends of these capabilities, compiled once."""
    return Validator(descriptor, capabilities)


def _checks(descriptor: Descriptor, capabilities: Capabilities) -> Iterator[Check]:
    for oneof in descriptor.oneofs:
        if extension(oneof, options_pb2.one_required):
            yield _one_required(oneof)
    for field in descriptor.fields:
        yield from _field_checks(field, extension(field, options_pb2.rules), capabilities)


def _field_checks(field: FieldDescriptor, rules: options_pb2.FieldRules, capabilities: Capabilities) -> Iterator[Check]:
    if rules.requires and not capabilities.declares(rules.requires):
        yield _undeclared(field, rules.requires, capabilities)
    if rules.max_value:
        yield _max_value(field, rules.max_value)
    if rules.time_to_live:
        yield _time_to_live(field)
    if rules.duration:
        yield _duration(field)
    if rules.expiry_time:
        yield _expiry_time(field)
    most = capabilities.max_item_size if rules.item_size else rules.max_bytes
    limit = text(most) if field.type == FieldDescriptor.TYPE_STRING else octets(most)
    if rules.topic or rules.topic_pattern:
        limit = topic(limit, pattern=rules.topic_pattern)
    is_text_or_bytes = field.type in {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}
    if is_text_or_bytes and field.is_repeated:
        yield _values(field, limit, rules.max_items or capabilities.max_batch_items, required=rules.required)
    elif is_text_or_bytes and not field.has_presence:
        yield _value(field, limit, required=rules.required)
    elif is_text_or_bytes and (rules.max_bytes or rules.item_size):  # an optional one, or an alternative of a oneof
        if rules.required:
            yield _required(field)
        yield _value(field, limit, required=False)
        return
    else:
        yield from _message_checks(field, rules, capabilities)
        return
    if rules.unique:  # after their count
        yield _unique(field)


def _message_checks(
    field: FieldDescriptor, rules: options_pb2.FieldRules, capabilities: Capabilities
) -> Iterator[Check]:
    message = field.message_type
    if rules.required:
        yield _required(field)
    if field.is_repeated:
        yield _max_items(field, rules.max_items or capabilities.max_batch_items)
    if rules.unique:
        yield _unique(field)
    if message is None:
        return
    if message.full_name in _OF_THEIR_OWN:
        yield _own_violation(field, _OF_THEIR_OWN[message.full_name])
    elif message.GetOptions().map_entry:
        yield _map(field, text(rules.max_bytes))
    elif message.full_name.startswith("prism.") and not rules.independent:
        yield _nested(field, tuple(_checks(message, capabilities)))


def _undeclared(field: FieldDescriptor, capability: str, capabilities: Capabilities) -> Check:
    def check(message: Any, _path: str, _violations: list[Violation]) -> None:
        if _is_set(message, field):
            capabilities.require(capability, f"the field {field.name}")

    return check


def _is_set(message: Any, field: FieldDescriptor) -> bool:
    return bool(message.HasField(field.name) if field.has_presence else getattr(message, field.name))


def _required(field: FieldDescriptor) -> Check:
    name, has_presence = field.name, field.has_presence

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        if not (message.HasField(name) if has_presence else getattr(message, name)):
            violations.append(Violation(path + name, "nothing", "it is required"))

    return check


def _one_required(oneof: OneofDescriptor) -> Check:
    name, alternatives = oneof.name, ", ".join(field.name for field in oneof.fields)

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        if message.WhichOneof(name) is None:
            violations.append(Violation(path + name, "nothing", f"one of {alternatives} is required"))

    return check


def _max_items(field: FieldDescriptor, most: int) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        count = len(getattr(message, name))
        if count > most:
            _too_many(path + name, count, most, violations)

    return check


def _too_many(path: str, count: int, most: int, violations: list[Violation]) -> NoReturn:
    violations.append(Violation(path, f"{count} elements", f"at most {most} are allowed"))
    raise _Enough


def _unique(field: FieldDescriptor) -> Check:
    name, part = field.name, ""
    if field.message_type is not None:
        part = next(each.name for each in field.message_type.fields if each.name in {"key", "id"})

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        elements = getattr(message, name)
        if len(elements) < 2:
            return
        seen: dict[Any, int] = {}
        for index, element in enumerate(elements):
            first = seen.setdefault(getattr(element, part) if part else element, index)
            if first != index:
                found = f"the same {part or 'value'} as element {first}"
                violations.append(Violation(f"{path}{name}[{index}]", found, "each may appear once"))

    return check


def _max_value(field: FieldDescriptor, most: int) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        value = getattr(message, name)
        if value > most:
            violations.append(Violation(path + name, str(value), f"at most {most} is allowed"))

    return check


def _time_to_live(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        if not message.HasField(name):
            return
        ttl = getattr(message, name)
        found = f"{ttl.seconds + ttl.nanos / 1e9:g}s"
        if ttl.seconds < 0 or ttl.nanos < 0 or not (ttl.seconds or ttl.nanos >= 1000):
            violations.append(Violation(path + name, found, "a time to live is at least a microsecond"))
        elif ttl.seconds > MAX_TTL:
            violations.append(Violation(path + name, found, f"a time to live is at most {MAX_TTL}s"))

    return check


def _duration(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        if not message.HasField(name):
            return
        value = getattr(message, name)
        if value.seconds < 0 or value.nanos < 0 or value.seconds > MAX_TTL:
            found = f"{value.seconds + value.nanos / 1e9:g}s"
            violations.append(Violation(path + name, found, f"it is between 0s and {MAX_TTL}s"))

    return check


def _expiry_time(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        if not message.HasField(name):
            return
        instant = getattr(message, name)
        valid = 0 <= instant.seconds < EXPIRY_TIME_END and 0 <= instant.nanos < 1_000_000_000
        if not valid or not (instant.seconds or instant.nanos >= 1000):
            found = f"{instant.seconds + instant.nanos / 1e9:.6f} s since 1970"
            violations.append(Violation(path + name, found, "a time to expire at is after 1970 began and before 2250"))

    return check


def _value(field: FieldDescriptor, limit: Limit, *, required: bool) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        value = getattr(message, name)
        if not value:
            if required:
                violations.append(Violation(path + name, "nothing", "it is required"))
        elif (broken := limit(value)) is not None:
            violations.append(Violation(path + name, broken.found, broken.limit))

    return check


def _values(field: FieldDescriptor, limit: Limit, most: int, *, required: bool) -> Check:
    name = field.name

    def check(message: Any, path: str, violations: list[Violation]) -> None:
        values = getattr(message, name)
        if len(values) > most:
            _too_many(path + name, len(values), most, violations)
        if required and not values:
            violations.append(Violation(path + name, "nothing", "it is required"))
        for index, value in enumerate(values[:]):  # a list is gone through in half the time
            if (broken := limit(value)) is not None:
                violations.append(Violation(f"{path}{name}[{index}]", broken.found, broken.limit))

    return check


def _map(field: FieldDescriptor, limit: Limit) -> Check:
    """Names, and what they stand for: texts, or messages of a kind that has a check of its own."""
    name = field.name
    entry: Any = field.message_type
    element = entry.fields_by_name["value"].message_type

    def check_texts(message: Any, path: str, violations: list[Violation]) -> None:
        for key, value in getattr(message, name).items():
            for each in (key, value):
                broken = limit(each)
                if broken is not None:
                    violations.append(Violation(f"{path}{name}[{key[:40]!r}]", broken.found, broken.limit))

    if element is None:
        return check_texts
    own = _OF_THEIR_OWN[element.full_name]

    good: set[str] = set()  # names come again and again

    def check_messages(message: Any, path: str, violations: list[Violation]) -> None:
        entries = getattr(message, name)
        for key in entries:  # half the time of items()
            if key not in good:
                if (broken := limit(key)) is not None:
                    violations.append(Violation(f"{path}{name}[{key[:40]!r}]", broken.found, broken.limit))
                elif len(good) < _GOOD:
                    good.add(key)
            value = entries[key]
            if own(value, "") is not None and (broken := own(value, f"{path}{name}[{key[:40]!r}]")) is not None:
                violations.append(broken)  # its path is made for those that need one

    return check_messages


def _own_violation(field: FieldDescriptor, violation: OwnViolation) -> Check:
    name = field.name

    def check_message(message: Any, path: str, violations: list[Violation]) -> None:
        if message.HasField(name) and (broken := violation(getattr(message, name), path + name)) is not None:
            violations.append(broken)

    def check_messages(message: Any, path: str, violations: list[Violation]) -> None:
        for index, element in enumerate(getattr(message, name)):
            if (broken := violation(element, f"{path}{name}[{index}]")) is not None:
                violations.append(broken)

    return check_messages if field.is_repeated else check_message


def _nested(field: FieldDescriptor, checks: tuple[Check, ...]) -> Check:
    name = field.name

    def check_message(message: Any, path: str, violations: list[Violation]) -> None:
        if message.HasField(name):
            for check in checks:
                check(getattr(message, name), f"{path}{name}.", violations)

    def check_messages(message: Any, path: str, violations: list[Violation]) -> None:
        found = _Any()
        for index, element in enumerate(getattr(message, name)):
            try:
                for check in checks:
                    check(element, "", found)
            except _Enough:  # a path is made for those that need one
                for check in checks:
                    check(element, f"{path}{name}[{index}].", violations)

    return check_messages if field.is_repeated else check_message
