"""Deadlines and their header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.wire import Deadline
from prism.wire.grpc.deadline import format_timeout, parse_timeout


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1H", 3600), ("2M", 120), ("3S", 3), ("4m", 0.004), ("5u", 5e-6), ("6n", 6e-9), ("99999999S", 99_999_999)],
)
def test_every_unit(value: str, seconds: float) -> None:
    """As the protocol spells them."""
    assert parse_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "1", "S", "-1S", "1.5S", "123456789S", "1 S", "1s", "\xb2S"])
def test_what_is_no_timeout(value: str) -> None:
    """Refused, with what one looks like."""
    with pytest.raises(ValueError, match="eight digits"):
        parse_timeout(value)


@given(st.floats(min_value=1e-9, max_value=3e11))
def test_a_timeout_is_never_shortened_by_much(seconds: float) -> None:
    """It is valid, and rounded up to a millisecond where that can be said."""
    parsed = parse_timeout(format_timeout(seconds).decode("ascii"))
    if seconds < 99_999:
        assert seconds <= parsed + 1e-9
        assert parsed <= seconds + 0.001001


def test_deadlines_pass() -> None:
    """And are ordered."""
    past, future = Deadline.after(-1), Deadline.after(1000)
    assert past.expired()
    assert past.remaining() < 0
    assert not future.expired()
    assert 990 < future.remaining() <= 1000
    assert past < future
