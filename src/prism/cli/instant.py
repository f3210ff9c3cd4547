"""Points in time on the command line."""

from datetime import UTC, datetime

import click


def instant(text: str) -> datetime:
    """A time as RFC 3339 has it, such as `2030-01-01T00:00:00Z`, with its offset from UTC."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise click.BadParameter(f"{text!r} is not a time with an offset from UTC; give one such as 2030-01-01T00:00:00Z")
