"""The header `Range`: which part of an object is asked for, where it is one.

Source: RFC 9110, section 14. Several ranges, other units and what is malformed are ignored, as section 14.2 allows: the
answer is the whole object.
"""

import re

from prism.interfaces import objectstore as messages

BEHIND_ALL = (1 << 63) - 1
"""Behind the end of every object."""

_ONE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_MAX_DIGITS = 30


def set_range(asked: messages.GetRequest, text: str) -> None:
    """Asks for what a `Range` says; for all where it says nothing that counts."""
    found = _ONE.fullmatch(text)
    if found is None or len(text) > 2 * _MAX_DIGITS:
        return
    first, last = found.groups()
    if first:
        begin = min(int(first), BEHIND_ALL)
        if not last:
            asked.range.offset = begin
            asked.range.SetInParent()
        elif int(last) >= int(first):
            asked.range.offset, asked.range.length = begin, min(int(last), BEHIND_ALL) - begin + 1
    elif last and int(last):
        asked.suffix = min(int(last), BEHIND_ALL)
    elif last:
        asked.range.offset = BEHIND_ALL  # the last none of its bytes: no byte is in it
