"""What every Cache backend does alike."""

from collections.abc import Iterable, Iterator

from prism.errors import FailedPrecondition, InvalidArgument, Outcome, Violation, answer_too_large
from prism.interfaces.cache import Entry, IncrementRequest, SetMode, SetRequest
from prism.interfaces.keyvalue import MAX_ANSWER_BYTES
from prism.reason import Reason

_LARGEST = (1 << 63) - 1
_SMALLEST = -(1 << 63)


def check_mode(request: SetRequest) -> None:
    """Passes a Set with a known mode.

    Raises:
        InvalidArgument: it is a number that this version does not know.
    """
    if request.mode not in SetMode.values():
        violation = Violation("mode", str(request.mode), f"there are {', '.join(SetMode.keys())}")
        raise InvalidArgument(str(violation), violations=[violation])


def fitting_entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries, as long as they fit into one answer.

    Raises:
        LimitExceeded: they do not fit.
    """
    size = 0
    for each in entries:
        size += len(each.value) + len(each.key)
        if size > MAX_ANSWER_BYTES:
            raise answer_too_large(size, MAX_ANSWER_BYTES)
        yield each


def incremented(request: IncrementRequest, stored: bytes | None) -> int:
    """The value of a counter after the increment; `stored` is what is there now.

    Raises:
        FailedPrecondition: it is not a 64-bit integer, or would leave their range.
    """
    value = 0 if stored is None else _integer(stored)
    if value is None or not _SMALLEST <= value + request.delta <= _LARGEST:
        raise not_a_counter(request)
    return value + request.delta


def _integer(stored: bytes) -> int | None:
    """Decimal digits without leading zeros, spaces or a plus, as Redis has them."""
    try:
        value = int(stored)
    except ValueError:
        return None
    return value if str(value).encode() == stored and _SMALLEST <= value <= _LARGEST else None


def not_a_counter(request: IncrementRequest) -> FailedPrecondition:
    """The refusal of an increment of a value that is not a counter, or too large."""
    return FailedPrecondition(
        f"the value is not a 64-bit integer, or adding {request.delta} would leave their range; it stays as it is: "
        "Set it to digits, or use another key",
        reason=Reason.NOT_A_COUNTER,
        outcome=Outcome.NOT_APPLIED,
    )
