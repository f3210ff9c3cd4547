"""ClickHouse's errors as those of the tree: by a table of its codes.

Source: ClickHouse, src/Common/ErrorCodes.cpp; what a failed insert has left is in its documentation, "Transactional
(ACID) support": an insert is whole in each partition, and not over several.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    ConstraintViolated,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    LimitExceeded,
    Outcome,
    PrismError,
    StoreFull,
)
from prism.sdk.driver_errors import LATER, SOON

_NAME: Final = re.compile(r"\(([A-Z][A-Z0-9_]+)\)")
_POSITION: Final = re.compile(r"failed at position (\d+)")
_WORDS: Final = re.compile(r"^(?:Code: \d+\. )?(?:DB::Exception: )?")
_SHOWN: Final = 300


class ServerError(Exception):
    """ClickHouse has answered with an error.

    Attributes:
        code: its number.
        said: the whole text.
    """

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said

    @property
    def name(self) -> str:
        """What ClickHouse calls the code."""
        found = _NAME.findall(self.said)
        return found[-1] if found else str(self.code)

    @property
    def plain(self) -> str:
        """The text without what every one has."""
        text = _WORDS.sub("", self.said.strip().partition("\n")[0])
        return text.partition(" Expected one of:")[0].partition(" (version ")[0][:_SHOWN]


class Unreachable(Exception):
    """No server could be reached, or the connection broke.

    Attributes:
        sent: the request may have arrived.
    """

    def __init__(self, said: str, *, sent: bool) -> None:
        super().__init__(said)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code of ClickHouse's means.

    Attributes:
        kind: the error that callers get.
        advice: what to do next.
        outcome: of a write that fails with it.
        retry_after: seconds; None where waiting does not help.
        shown: ClickHouse's words are about the caller's own text, so that they may be passed on.
    """

    kind: type[PrismError]
    advice: str
    outcome: Outcome = Outcome.NOT_APPLIED
    retry_after: float | None = None
    shown: bool = False


_TEXT: Final = Meaning(InvalidArgument, "ClickHouse refuses the statement", shown=True)
_VALUE: Final = Meaning(InvalidArgument, "ClickHouse cannot compute the statement", Outcome.UNKNOWN)
_RULE: Final = Meaning(ConstraintViolated, "a constraint of the table does not allow it", Outcome.UNKNOWN)
_LOGIN: Final = Meaning(
    BackendCredentials, "ClickHouse refuses the gateway's credentials: correct them", retry_after=LATER
)
_FORBIDDEN: Final = Meaning(BackendCredentials, "the gateway's ClickHouse user lacks a grant: give it")
_READ_ONLY: Final = Meaning(
    BackendUnavailable, "ClickHouse takes no writes now: look at its replicas and Keeper", retry_after=LATER
)
_PARTS: Final = Meaning(
    BackendUnavailable, "ClickHouse merges more slowly than it is written to; try later", retry_after=LATER
)
_BUSY: Final = Meaning(BackendUnavailable, "ClickHouse runs as many queries as it may; try again", retry_after=SOON)
_TWICE: Final = Meaning(
    BackendUnavailable, "the statement still runs from a connection that broke; try again", Outcome.UNKNOWN, SOON
)
_QUOTA: Final = Meaning(
    LimitExceeded, "the quota of the gateway's ClickHouse user is used up; try later", Outcome.UNKNOWN, LATER
)
_MEMORY: Final = Meaning(
    LimitExceeded, "ClickHouse has not the memory for it: ask for less, or raise its limit", Outcome.UNKNOWN, LATER
)
_MUCH: Final = Meaning(LimitExceeded, "it is more than ClickHouse is allowed to read or give", Outcome.UNKNOWN)
_TIME: Final = Meaning(DeadlineExceeded, "the time was over, and ClickHouse stopped it", Outcome.UNKNOWN)
_AWAY: Final = Meaning(
    BackendUnavailable, "ClickHouse cannot reach a part of its cluster: check it", Outcome.UNKNOWN, LATER
)
_FULL: Final = Meaning(StoreFull, "ClickHouse's disk is full: give it room", Outcome.UNKNOWN)


def _all(meaning: Meaning, codes: Iterable[int]) -> dict[int, Meaning]:
    return dict.fromkeys(codes, meaning)


MEANINGS: Final[Mapping[int, Meaning]] = {
    # NO_SUCH_COLUMN_IN_TABLE, BAD_ARGUMENTS, NUMBER_OF_ARGUMENTS_DOESNT_MATCH, ILLEGAL_TYPE_OF_ARGUMENT,
    # UNKNOWN_FUNCTION, UNKNOWN_IDENTIFIER, NOT_IMPLEMENTED, UNKNOWN_TYPE, UNKNOWN_STORAGE, TABLE_ALREADY_EXISTS,
    # UNKNOWN_TABLE, SYNTAX_ERROR, UNKNOWN_FORMAT, UNKNOWN_DATABASE, DATABASE_ALREADY_EXISTS, UNKNOWN_SETTING,
    # NOT_AN_AGGREGATE, NO_COMMON_TYPE, UNKNOWN_QUERY_PARAMETER, SUPPORT_IS_DISABLED, AMBIGUOUS_IDENTIFIER
    **_all(_TEXT, (16, 36, 42, 43, 46, 47, 48, 50, 56, 57, 60, 62, 73, 81, 82, 115, 215, 386, 456, 344, 207)),
    # CANNOT_PARSE_TEXT, CANNOT_PARSE_QUOTED_STRING, CANNOT_PARSE_INPUT, CANNOT_PARSE_DATE, CANNOT_PARSE_DATETIME,
    # ILLEGAL_COLUMN, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, CANNOT_PARSE_NUMBER,
    # TOO_LARGE_STRING_SIZE, ILLEGAL_DIVISION, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, DECIMAL_OVERFLOW,
    # BAD_QUERY_PARAMETER, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, UNKNOWN_ELEMENT_OF_ENUM
    **_all(_VALUE, (6, 26, 27, 38, 41, 44, 53, 69, 70, 72, 131, 153, 321, 395, 407, 457, 691)),
    **_all(_RULE, (349, 469)),  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, VIOLATED_CONSTRAINT
    **_all(_LOGIN, (192, 193, 194, 516)),  # UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
    **_all(_FORBIDDEN, (164, 291, 497)),  # READONLY, DATABASE_ACCESS_DENIED, ACCESS_DENIED
    242: _READ_ONLY,  # TABLE_IS_READ_ONLY
    **_all(_PARTS, (252,)),  # TOO_MANY_PARTS
    **_all(_BUSY, (202, 439)),  # TOO_MANY_SIMULTANEOUS_QUERIES, CANNOT_SCHEDULE_TASK
    201: _QUOTA,  # QUOTA_EXCEEDED
    **_all(_MEMORY, (173, 241)),  # CANNOT_ALLOCATE_MEMORY, MEMORY_LIMIT_EXCEEDED
    **_all(_MUCH, (158, 161, 307, 396)),  # TOO_MANY_ROWS, TOO_MANY_COLUMNS, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES
    **_all(_TIME, (159, 160, 394)),  # TIMEOUT_EXCEEDED, TOO_SLOW, QUERY_WAS_CANCELLED
    # QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: the second sending of a statement has its query_id
    216: _TWICE,
    # SOCKET_TIMEOUT, NETWORK_ERROR, NO_ZOOKEEPER, ABORTED, ALL_CONNECTION_TRIES_FAILED, TOO_FEW_LIVE_REPLICAS,
    # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, UNKNOWN_STATUS_OF_INSERT, KEEPER_EXCEPTION
    **_all(_AWAY, (209, 210, 225, 236, 279, 285, 286, 319, 999)),
    **_all(_FULL, (243, 75)),  # NOT_ENOUGH_SPACE, CANNOT_WRITE_TO_FILE_DESCRIPTOR
}


def translate(error: Exception, *, writes: bool) -> PrismError:
    """The error of a statement of Prism's own, `from` which it is raised.

    Args:
        error: what the link raised.
        writes: the statement writes: the error has an outcome.
    """
    if isinstance(error, PrismError):
        return error
    if isinstance(error, Unreachable):
        outcome = (Outcome.UNKNOWN if error.sent else Outcome.NOT_APPLIED) if writes else None
        return BackendUnavailable(
            f"ClickHouse does not answer: check that it runs and can be reached ({error})",
            outcome=outcome,
            retry_after=LATER,
        )
    if not isinstance(error, ServerError):
        raise error
    meaning = MEANINGS.get(error.code, _UNKNOWN)
    outcome = meaning.outcome if writes else None
    made = meaning.kind(f"{meaning.advice} ({error.name})", outcome=outcome, retry_after=meaning.retry_after)
    made.metadata["sql_code"] = error.name
    return made


_UNKNOWN: Final = Meaning(InternalError, "ClickHouse refused what the gateway sent", Outcome.UNKNOWN)


def of_statement(error: Exception, *, writes: bool, at_once: bool = False) -> PrismError:
    """The error of a statement of a caller's: with its code and where it is in the text, without the store's data.

    Args:
        error: what the link raised.
        writes: the error has an outcome.
        at_once: what the statement inserts is one block, which is looked at before any of it is stored.
    """
    if not isinstance(error, ServerError):
        return translate(error, writes=writes)
    meaning = MEANINGS.get(error.code)
    if error.code in {164, 291, 497}:
        made: PrismError = FailedPrecondition(f"the statement may not do this: {error.name}")
    elif meaning is None:
        made = FailedPrecondition(f"ClickHouse refuses the statement: {error.name}")
    else:
        made = meaning.kind(f"{meaning.advice}: {error.plain if meaning.shown else error.name}")
        made.retry_after = meaning.retry_after
    if writes:
        made.outcome = (meaning or _UNKNOWN).outcome
        if meaning in {_VALUE, _RULE, _PARTS}:
            made.outcome = Outcome.NOT_APPLIED if at_once else Outcome.UNKNOWN
    made.metadata["sql_code"] = error.name
    if found := _POSITION.search(error.said):
        made.metadata["position"] = found[1]
    return made
