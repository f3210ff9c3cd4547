"""What PostgreSQL says of callers' statements, as errors: its code and the place in the statement, never its data.

Source: PostgreSQL's documentation, appendix A, "PostgreSQL Error Codes".
"""

from collections.abc import Mapping
from typing import Final

import asyncpg

from prism.backends.postgres.errors import translate, was_answered
from prism.errors import (
    Conflict,
    ConstraintViolated,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LimitExceeded,
    Outcome,
    PrismError,
)
from prism.sdk.sql import READS

_BY_CODE: Final[Mapping[str, type[PrismError]]] = {
    "57014": DeadlineExceeded,
    "55P03": Conflict,
    "42501": FailedPrecondition,
    "P0001": FailedPrecondition,
}
_BY_CLASS: Final[Mapping[str, type[PrismError]]] = {
    "0A": InvalidArgument,
    "21": InvalidArgument,
    "22": InvalidArgument,
    "23": ConstraintViolated,
    "24": InvalidArgument,
    "25": FailedPrecondition,
    "26": InvalidArgument,
    "2B": FailedPrecondition,
    "2D": InvalidArgument,
    "2F": InvalidArgument,
    "34": InvalidArgument,
    "38": InvalidArgument,
    "39": InvalidArgument,
    "3B": InvalidArgument,
    "3D": InvalidArgument,
    "3F": InvalidArgument,
    "40": Conflict,
    "42": InvalidArgument,
    "44": ConstraintViolated,
    "54": LimitExceeded,
    "55": FailedPrecondition,
    "P0": InvalidArgument,
}
_READ_ONLY: Final = "25006"
_ABOUT_THE_TEXT: Final = frozenset({"0A", "25", "26", "34", "3F", "42"})
"""Classes whose message is about the caller's own text; those of others may hold what a row holds."""


def failure(error: Exception, outcome: Outcome | None) -> PrismError:
    """The error of a statement.

    Args:
        error: the driver's.
        outcome: of a write that PostgreSQL has answered with this error; None for a read.
    """
    if isinstance(error, PrismError):
        return error
    code = str(getattr(error, "sqlstate", None) or "")
    kind = _BY_CODE.get(code, _BY_CLASS.get(code[:2]))
    if not isinstance(error, asyncpg.PostgresError) or kind is None or not was_answered(error):
        return translate(error, writes=outcome is not None, sent=True)
    if not getattr(error, "severity", None):  # the driver's own: it has sent nothing
        return InvalidArgument(f"the statement cannot be run: {error}", outcome=outcome)
    what = f"{error}" if code[:2] in _ABOUT_THE_TEXT else _condition(error)
    made = kind(f"PostgreSQL refuses the statement: {what} (SQLSTATE {code})", outcome=outcome)
    made.metadata["sql_code"] = code
    if code == _READ_ONLY and outcome is None:
        made.message += f": {READS}"
    for name, key in (("position", "position"), ("constraint_name", "constraint"), ("table_name", "table"),
                      ("column_name", "column")):  # fmt: skip
        if found := getattr(error, name, None):
            made.metadata[key] = str(found)
    if constraint := made.metadata.get("constraint"):
        made.message += f", constraint {constraint}"
    if isinstance(made, Conflict):
        made.retry_after = 0.1
    return made


def _condition(error: Exception) -> str:
    """The name of the condition: the driver's classes have it."""
    words = "".join(f" {each.lower()}" if each.isupper() else each for each in type(error).__name__)
    return words.removesuffix(" error").strip()
