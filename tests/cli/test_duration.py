"""Lengths of time on the command line."""

import click
import pytest

from prism.cli.duration import duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("250ms", 0.25), ("1h30m", 5400), ("7d", 604800), ("1w", 604800)]
)
def test_units(text: str, seconds: float) -> None:
    """A number is seconds; units add up."""
    assert duration(text) == seconds


@pytest.mark.parametrize("wrong", ["", "-5", "5 m", "5y", "soon", "1e3", "inf"])
def test_anything_else_is_refused(wrong: str) -> None:
    """With an example."""
    with pytest.raises(click.BadParameter, match="1h30m"):
        duration(wrong)
