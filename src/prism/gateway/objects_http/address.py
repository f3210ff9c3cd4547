"""What a request's target names: a namespace, and an object, a part of an upload, or a listing.

    /objects/NAMESPACE/KEY            an object; the key is decoded once, and is no path
    /objects/NAMESPACE?key=KEY        the same, for keys that something on the way would rewrite: `..`, `//`
    ...?upload=ID&part=N              a part of an upload
    /objects/NAMESPACE/?prefix=...    a listing

Source: RFC 3986; `+` is itself, as it is in a path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from prism.errors import InvalidArgument
from prism.gateway.http import OBJECTS

PREFIX = OBJECTS
SIGNED = "prism-signed"
"""The parameter of a presigned address."""

_KNOWN = frozenset({"key", "version", "upload", "part", "prefix", "delimiter", "limit", "cursor", SIGNED})
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_PARAMETERS = 100


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """What is asked for.

    Attributes:
        namespace: as the path has it.
        key: of the object; empty for a listing.
        query: the parameters that are known, decoded.
    """

    namespace: str
    key: str
    query: Mapping[str, str]

    @classmethod
    def of(cls, path: str, query: str) -> "ObjectAddress":
        """Reads a target that begins with `PREFIX`.

        Raises:
            InvalidArgument: it is not percent-encoded UTF-8, or names something twice.
        """
        namespace, _, key = path[len(PREFIX) :].partition("/")
        parameters = _parameters(query)
        if key and "key" in parameters:
            raise InvalidArgument("the key is in the path and in the query too; send it in one of them")
        named = _decoded(key, "the path") or parameters.get("key", "")
        if not named and "key" in parameters:
            raise InvalidArgument("the key is empty; name an object, or leave `key` out for a listing")
        return cls(_decoded(namespace, "the path"), named, parameters)


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    pairs = query.split("&", _MAX_PARAMETERS)
    if len(pairs) > _MAX_PARAMETERS:
        raise InvalidArgument(f"the query has more than {_MAX_PARAMETERS} parameters; send fewer")
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in _KNOWN:
            continue
        if name in found:
            raise InvalidArgument(f"the query has {name!r} twice; send it once")
        found[name] = _decoded(value, f"{name!r} in the query")
    return found


def _decoded(text: str, place: str) -> str:
    if not text.isascii() or _BAD_ESCAPE.search(text):
        raise InvalidArgument(f"{place} is not percent-encoded; write what is not ASCII, and %, as %XX")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{place} is not UTF-8 when it is decoded; encode keys as UTF-8") from error
