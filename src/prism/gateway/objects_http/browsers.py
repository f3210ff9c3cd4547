"""What browsers may make of an object: by default nothing but a file to save.

What a caller stores must not act in the name of this gateway's origin. Source: the Fetch standard (`nosniff`), CSP 3
(`sandbox`), RFC 6266 (`Content-Disposition`).
"""

from collections.abc import Collection

from prism.gateway.objects_http.properties import printable
from prism.interfaces import objectstore as messages

SAFE = (
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "sandbox; default-src 'none'"),
)
"""On every answer."""

UNKNOWN = "application/octet-stream"
_ACTIVE = ("html", "svg", "xml", "javascript", "ecmascript")


def shown_as(found: messages.Object, inline_types: Collection[str]) -> list[tuple[str, str]]:
    """Content type and disposition of an answer that gives an object.

    Args:
        found: the object.
        inline_types: what the namespace lets browsers show, such as `image/png` or `image/*`.
    """
    said = found.properties
    content_type = said.content_type if printable(said.content_type) else UNKNOWN
    given = said.content_disposition if printable(said.content_disposition) else ""
    kind, _, parameters = given.partition(";")
    if may_show(content_type, inline_types):
        disposition = given or "inline"
    elif kind.strip().lower() == "attachment":
        disposition = given
    else:
        disposition = f"attachment;{parameters}" if parameters else "attachment"
    return [("content-type", content_type), ("content-disposition", disposition)]


def may_show(content_type: str, inline_types: Collection[str]) -> bool:
    """Whether browsers may show it in place; never what could run."""
    media_type = content_type.partition(";")[0].strip().lower()
    if any(each in media_type for each in _ACTIVE):
        return False
    return media_type in inline_types or f"{media_type.partition('/')[0]}/*" in inline_types
