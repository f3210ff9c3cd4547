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


def behind(error: PrismError) -> PrismError:
    """The error of a message that was not published because one before it of its ordering key failed with `error`.

    It may be tried again where that one may.
    """
    if isinstance(error, CallerError):
        return invalid("ordering_key", "one whose message before failed", "publish that one first")
    twin = error.clone()
    twin.message = f"the message before it of its ordering key failed: publish that one first ({error.message})"
    twin.outcome = Outcome.NOT_APPLIED
    return twin


def receipt_lost() -> ReceiptLost:
    """The answer to a receipt that is lost."""
    return ReceiptLost(
        "the message is yours no longer: its deadline has passed, or it was given back; it comes again",
        outcome=Outcome.NOT_APPLIED,
    )
