"""What a caller is told of a settlement that is refused, and of a receipt that is lost."""

from prism.errors import CallerError, Outcome, PrismError, ReceiptLost
from prism.sdk.queue.configuration import invalid


def check_delay(delay: int | None, most: float) -> None:
    """Passes the delay of a nack, in microseconds, that is not over what the backend declares, in seconds (6)."""
    if delay is not None and delay > most * 1e6:
        raise invalid("delay", f"{delay / 1e6:g}s", f"at most {most:g}s is allowed here")


def told(error: PrismError) -> PrismError:
    """The error of a write that is an answer among others, with its outcome."""
    if error.outcome is None:
        error.outcome = Outcome.NOT_APPLIED if isinstance(error, CallerError) else Outcome.UNKNOWN
    return error


def receipt_lost() -> ReceiptLost:
    """The answer to a receipt that is lost."""
    return ReceiptLost(
        "the message is yours no longer: its deadline has passed, or it was given back; it comes again",
        outcome=Outcome.NOT_APPLIED,
    )
