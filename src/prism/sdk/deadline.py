"""What a call hears that comes when its deadline has passed: no store is asked for nobody."""

from prism.context import Context
from prism.errors import DeadlineExceeded, Outcome


def check_time(context: Context, *, writes: bool) -> None:
    """Passes a call that somebody still waits for; a backend asks before it asks its store.

    Raises:
        DeadlineExceeded: nobody does; nothing was applied.
    """
    if context.deadline is not None and context.deadline.expired():
        raise DeadlineExceeded(
            "the deadline passed before the store was asked; allow more time",
            outcome=Outcome.NOT_APPLIED if writes else None,
        )
