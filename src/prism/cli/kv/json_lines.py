"""The format of import and export: JSON Lines in UTF-8, one record a line.

    {"id": "account:1", "items": {"plan": "team"}}
    {"id": "account:2", "items": [{"key": {"base64": "/w=="}, "value": "x", "expires_at": "2030-01-01T00:00:00Z"}]}

`items` is an object if every key and value is UTF-8 and no item has metadata or expires. Otherwise it is a list of
objects with `key` and `value`, and `metadata` and `expires_at` (RFC 3339) where they are set. Versions are not kept:
they belong to the store that made them.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from prism.cli.octets import to_json
from prism.cli.output import timestamp
from prism.client import Item

_FIELDS = frozenset({"key", "value", "metadata", "expires_at"})


class BadLine(ValueError):
    """A line is not a valid record; the message says why."""


def encode(record: str, items: Sequence[Item]) -> bytes:
    """The line of a record, with its end."""
    content: Any = _plain(items)
    if content is None:
        content = [_object(item) for item in items]
    return f"{json.dumps({'id': record, 'items': content}, ensure_ascii=False)}\n".encode()


def _plain(items: Sequence[Item]) -> dict[str, str] | None:
    if any(item.metadata or item.expires_at for item in items):
        return None
    try:
        return {item.key.decode(): item.value.decode() for item in items}
    except UnicodeDecodeError:
        return None


def _object(item: Item) -> dict[str, Any]:
    members: dict[str, Any] = {"key": to_json(item.key), "value": to_json(item.value)}
    if item.metadata:
        members["metadata"] = dict(sorted(item.metadata.items()))
    if item.expires_at is not None:
        members["expires_at"] = timestamp(item.expires_at)
    return members


def decode(line: bytes) -> tuple[str, list[Item]]:
    """The record of a line.

    Raises:
        BadLine: the line is not a valid record.
    """
    try:
        # A number is not valid anywhere; as a float it has no limit of digits, and is refused by its place.
        record = json.loads(line, object_pairs_hook=_without_repeats, parse_int=float)
    except json.JSONDecodeError as error:
        raise BadLine(f"not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise BadLine(f"not UTF-8 at byte {error.start + 1}; give other bytes as base64") from error
    except RecursionError as error:
        raise BadLine("nested too deeply to be a record") from error
    if not isinstance(record, dict) or record.keys() != {"id", "items"}:
        raise BadLine('not a record: give {"id": "...", "items": ...} and nothing else')
    if not isinstance(record["id"], str):
        raise BadLine("id: give a string")
    _utf8(record["id"], "id")
    items = _items(record["items"])
    if not items:
        raise BadLine("items: the record has no items; give at least one item")
    return record["id"], items


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise BadLine(f"{repeated!r} is there twice")
    return members


def _items(content: Any) -> list[Item]:
    if isinstance(content, dict):
        return [Item(_utf8(key, "items"), _octets(value, f"items.{key}")) for key, value in content.items()]
    if not isinstance(content, list):
        raise BadLine("items: give an object, or a list of objects with key and value")
    items = [_item(each, f"items[{index}]") for index, each in enumerate(content)]
    if len({item.key for item in items}) < len(items):
        raise BadLine("items: the same key twice")
    return items


def _item(members: Any, where: str) -> Item:
    if not isinstance(members, dict) or not {"key", "value"} <= members.keys() <= _FIELDS:
        raise BadLine(f"{where}: give key and value, and if needed metadata and expires_at")
    return Item(
        _octets(members["key"], f"{where}.key"),
        _octets(members["value"], f"{where}.value"),
        metadata=_metadata(members.get("metadata", {}), f"{where}.metadata"),
        expires_at=_instant(members["expires_at"], f"{where}.expires_at") if "expires_at" in members else None,
    )


def _octets(content: Any, where: str) -> bytes:
    if isinstance(content, str):
        return _utf8(content, where)
    if isinstance(content, dict) and content.keys() == {"base64"} and isinstance(content["base64"], str):
        try:
            return base64.b64decode(content["base64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadLine(f"{where}: not base64: {error}") from error
    raise BadLine(f'{where}: give a string or {{"base64": "..."}}')


def _utf8(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BadLine(f"{where}: half a surrogate pair; give bytes that are not UTF-8 as base64") from error


def _metadata(content: Any, where: str) -> dict[str, str]:
    if not isinstance(content, dict) or not all(isinstance(each, str) for each in content.values()):
        raise BadLine(f"{where}: give an object of strings")
    for name, text in content.items():
        _utf8(name + text, where)
    return content


def _instant(content: Any, where: str) -> datetime:
    try:
        instant = datetime.fromisoformat(content)
        if instant.tzinfo is None:
            raise BadLine(f"{where}: the time has no offset; append Z for UTC")
        return instant.astimezone(UTC)
    except BadLine:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise BadLine(f"{where}: give a time such as 2030-01-01T00:00:00Z") from error


def split(items: Iterable[Item], most_items: int, most_bytes: int) -> list[list[Item]]:
    """The items in parts that fit into one Put each."""
    parts: list[list[Item]] = []
    room = 0
    for item in items:
        size = size_of(item)
        if not parts or len(parts[-1]) == most_items or size > room:
            parts.append([])
            room = most_bytes
        parts[-1].append(item)
        room -= size
    return parts


def size_of(item: Item) -> int:
    """About how many bytes an item takes in a request."""
    notes = sum(len(name) + len(text) + 8 for name, text in item.metadata.items())
    return len(item.key) + len(item.value) + notes + 32
