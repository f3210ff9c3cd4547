"""Deadlines and their header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.wire import Deadline
from prism.wire.deadline import format_timeout, parse_timeout


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9), (b"99999999S", 99_999_999)],
)
def test_every_unit(value: bytes, seconds: float) -> None:
    """As the protocol spells them."""
    assert parse_timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", [b"", b"1", b"S", b"-1S", b"1.5S", b"123456789S", b"1 S", b"1s", b"\xb2S"])
def test_what_is_no_timeout(value: bytes) -> None:
    """Refused, with what one looks like."""
    with pytest.raises(ValueError, match="eight digits"):
        parse_timeout(value)


@given(st.floats(min_value=1e-9, max_value=3e11))
def test_a_timeout_is_never_shortened_by_much(seconds: float) -> None:
    """It is valid, and rounded up to a millisecond where that can be said."""
    parsed = parse_timeout(format_timeout(seconds))
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
