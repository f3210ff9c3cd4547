"""What a call hears that comes when its deadline has passed: nothing is sent for nobody."""

from prism.errors import DeadlineExceeded, Outcome
from prism.sdk import Context


def check_time(context: Context, *, writes: bool) -> None:
    """Passes a call that somebody still waits for.

    Raises:
        DeadlineExceeded: nobody does; nothing was applied.
    """
    if context.deadline is not None and context.deadline.expired():
        raise DeadlineExceeded(
            "the deadline passed before Redis was asked; allow more time",
            outcome=Outcome.NOT_APPLIED if writes else None,
        )
