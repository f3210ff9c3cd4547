"""A table that maps a driver's errors to those of `prism.errors`: by class, the first that fits counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from prism.errors import InternalError, Outcome, PrismError

SOON = 0.1
"""Seconds after which another transaction is likely over."""

LATER = 1.0
"""Seconds after which a store that is away may be back."""


@dataclass(frozen=True, slots=True)
class ErrorMapping:
    """The error of `prism.errors` for some errors of a driver.

    Attributes:
        errors: the driver's classes.
        kind: the error that callers get.
        advice: a sentence that says what to do next; the driver's own words are put behind it.
        retry_after: seconds after which a retry may help; None where waiting does not help.
    """

    errors: tuple[type[BaseException], ...]
    kind: type[PrismError]
    advice: str
    retry_after: float | None = None

    def error(self, cause: BaseException, outcome: Outcome | None) -> PrismError:
        """The error to raise, `from` its cause.

        Args:
            cause: what the driver raised.
            outcome: of a write, what it did to the store; None for a read.
        """
        return self.kind(f"{self.advice} ({first_line(cause)})", outcome=outcome, retry_after=self.retry_after)


def translated(
    cause: BaseException, mappings: Iterable[ErrorMapping], outcome: Outcome | None, *, store: str
) -> PrismError:
    """The error to raise instead of a driver's, `from` which it is raised.

    Args:
        cause: what the driver raised.
        mappings: the table.
        outcome: of a write, what it did to the store; None for a read.
        store: whose name begins the sentence about an error that no mapping fits.
    """
    for mapping in mappings:
        if isinstance(cause, mapping.errors):
            return mapping.error(cause, outcome)
    return InternalError(f"{store} refused what the gateway sent: {first_line(cause)}", outcome=outcome)


def first_line(cause: BaseException) -> str:
    """The first line of a driver's message; its class where it has none."""
    return str(cause).partition("\n")[0] or type(cause).__name__
