"""Answers of the admin port as plain data, with short names for the values of enums."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

SERVED = ("ready", "degraded")
"""The states in which calls are served."""

_PREFIXES = ("PLUGIN_STATE_", "PROBE_RESULT_")


def plain(message: "Message") -> dict[str, Any]:
    """The message by its fields' names, in their order, unset ones included; `PLUGIN_STATE_READY` is `ready`."""
    from google.protobuf import json_format

    document = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return _ordered(document, message.DESCRIPTOR)


def _ordered(document: Mapping[str, Any], descriptor: Any) -> dict[str, Any]:
    fields = (field for field in descriptor.fields if field.name in document)
    return {field.name: _value(document[field.name], field.message_type) for field in fields}


def _value(value: Any, kind: Any) -> Any:
    if isinstance(value, list):
        return [_value(each, kind) for each in value]
    if isinstance(value, dict):
        ours = kind.full_name.startswith("prism.") and not kind.GetOptions().map_entry
        return _ordered(value, kind) if ours else _sorted(value)
    if isinstance(value, str):
        for prefix in _PREFIXES:
            if value.startswith(prefix):
                return value.removeprefix(prefix).lower()
    return value


def _sorted(value: Any) -> Any:
    """A Struct or a map, which have no order; and a Struct has no integers."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
