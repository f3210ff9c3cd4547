"""Conditions: of a write on what it would replace, of a read on what it finds. Source: RFC 9110, 13."""

from collections.abc import Sequence

from prism.errors import ConditionNotMet, InvalidArgument, Violation
from prism.interfaces.objectstore import GetRequest

ANY = "*"


def check_form(if_none_match: str) -> None:
    """Passes what a write may ask for.

    Raises:
        InvalidArgument: `if_none_match` of a write is something else than `*`.
    """
    if if_none_match not in ("", ANY):
        violation = Violation("if_none_match", repr(if_none_match), "of a write it is `*` and nothing else")
        raise InvalidArgument(str(violation), violations=[violation])


def check_write(if_match: str, if_none_match: str, etag: str | None) -> None:
    """Passes a write whose conditions hold for the object that it would replace, by its etag; None for no object.

    Raises:
        ConditionNotMet: they do not.
    """
    if if_match and (etag is None or if_match not in (ANY, etag)):
        there = "there is none" if etag is None else f"the one there has {etag}"
        raise ConditionNotMet(
            f"if_match names an object with the etag {if_match}, and {there}; read it and decide anew"
        )
    if if_none_match and etag is not None:
        raise ConditionNotMet(f"if_none_match allows no object under this key, and one with the etag {etag} is there")


def check_read(request: GetRequest, etag: str) -> bool:
    """Whether a read is to give the content of the object that it found: none of `if_none_match` is its etag.

    Raises:
        ConditionNotMet: none of `if_match` is.
    """
    if request.if_match and not _names(request.if_match, etag):
        raise ConditionNotMet(
            f"none of if_match is the object's etag, which is {etag}; ask for the object as it is now"
        )
    return not _names(request.if_none_match, etag)


def _names(etags: Sequence[str], etag: str) -> bool:
    return etag in etags or ANY in etags
