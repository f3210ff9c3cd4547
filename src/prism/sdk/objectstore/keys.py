"""What no rule of the .proto can say of a key and of an object's properties."""

import re
from collections.abc import Callable, Mapping, Sequence

from prism.errors import InvalidArgument, Violation
from prism.interfaces.capabilities.objectstore import KeyRule
from prism.interfaces.objectstore import Properties

_METADATA_NAME = re.compile(r"[a-z0-9-]{1,64}")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_MAX_METADATA = 2048
_TEXTS = ("content_type", "content_encoding", "content_disposition", "cache_control")

# `no_object_above` is about two keys: such a store refuses the second one itself.
_KEY_RULES: Mapping[KeyRule, tuple[Callable[[str], bool], str]] = {
    "no_empty_part": (lambda key: "" in key.split("/"), "this store keeps no key with an empty part between slashes"),
    "no_dot_part": (
        lambda key: not {".", ".."}.isdisjoint(key.split("/")),
        "this store keeps no key with a part `.` or `..`",
    ),
    "no_control": (lambda key: _CONTROL.search(key) is not None, "this store keeps no control character in a key"),
    "part_255": (
        lambda key: any(len(part.encode()) > 255 for part in key.split("/")),
        "this store keeps no key with a part of more than 255 bytes between slashes",
    ),
}

_NEVER = (lambda _: False, "")


def key_violation(key: str, rules: Sequence[KeyRule], field: str = "key") -> Violation | None:
    """The first of the store's rules that a key breaks."""
    for rule in rules:
        broken, limit = _KEY_RULES.get(rule, _NEVER)
        if broken(key):
            return Violation(field, repr(key[:80]), limit)
    return None


def check_key(key: str, rules: Sequence[KeyRule], field: str = "key") -> None:
    """Passes a key that the store can keep under that very name.

    Raises:
        InvalidArgument: it cannot.
    """
    violation = key_violation(key, rules, field)
    if violation is not None:
        raise InvalidArgument(str(violation), violations=[violation])


def check_properties(properties: Properties) -> None:
    """Passes what may be said of an object: nothing in it can end a header or begin another one.

    Raises:
        InvalidArgument: a name or a text is malformed, or the metadata is too large.
    """
    violations = [
        Violation(f"properties.{name}", repr(getattr(properties, name)[:80]), "it is printable ASCII")
        for name in _TEXTS
        if not _PRINTABLE.fullmatch(getattr(properties, name))
    ]
    size = 0
    for name, value in properties.metadata.items():
        size += len(name) + len(value.encode())
        if not _METADATA_NAME.fullmatch(name):
            limit = "a name is 1 to 64 characters of a to z, 0 to 9 and -"
            violations.append(Violation("properties.metadata", repr(name[:80]), limit))
    if size > _MAX_METADATA:
        limit = f"names and values have at most {_MAX_METADATA} bytes in all"
        violations.append(Violation("properties.metadata", f"{size} bytes", limit))
    if violations:
        raise InvalidArgument("; ".join(map(str, violations)), violations=violations)


def check_delimiter(delimiter: str) -> None:
    """Passes the delimiters that a listing knows.

    Raises:
        InvalidArgument: it is another one.
    """
    if delimiter not in ("", "/"):
        violation = Violation("delimiter", repr(delimiter), "it is empty or `/`")
        raise InvalidArgument(str(violation), violations=[violation])
