"""Pages of what is listed by name: the token of a page is the last name before it, so that a list that changes between
two pages skips and repeats nothing else.
"""

from bisect import bisect_right
from collections.abc import Iterable

USUAL = 500


def page(names: Iterable[str], token: str, size: int) -> tuple[list[str], str]:
    """The names of one page, in their order, and the token of the next one.

    Args:
        names: all that there are.
        token: of this page; empty for the first.
        size: most names; 0 for the usual number.
    """
    ordered = sorted(names)
    begin = bisect_right(ordered, token) if token else 0
    end = begin + (size or USUAL)
    return ordered[begin:end], ordered[end - 1] if end < len(ordered) else ""
