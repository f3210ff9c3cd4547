"""The refusal of a call whose deadline has passed before the store was asked."""

from prism.context import Context
from prism.errors import DeadlineExceeded, Outcome


def check_time(context: Context, *, writes: bool) -> None:
    """Passes a call whose deadline has not passed; a backend checks before it asks its store.

    Raises:
        DeadlineExceeded: it has; nothing was applied.
    """
    if context.deadline is not None and context.deadline.expired():
        raise DeadlineExceeded(
            "the deadline passed before the store was asked; allow more time",
            outcome=Outcome.NOT_APPLIED if writes else None,
        )
