"""Prefixes as ranges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.sdk.filters.prefix import after_prefix

LETTERS = st.sampled_from("ab\ud7ff\ue000\uffff\U00010000\U0010ffff") | st.characters()


@given(st.text(LETTERS, max_size=4), st.text(LETTERS, max_size=6))
def test_the_range_has_what_begins_so(prefix: str, text: str) -> None:
    """And nothing else, in the order of code points, which is that of UTF-8's bytes."""
    for each in (text, prefix + text, prefix):
        end = after_prefix(prefix)
        within = each.encode() >= prefix.encode() and (not end or each.encode() < end.encode())
        assert within == each.startswith(prefix)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("", ""), ("a", "b"), ("\ud7ff", "\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", ""), ("a\uffff", "a\U00010000")],
)
def test_where_it_ends(prefix: str, end: str) -> None:
    """No text has half of a pair, and none comes after the last character."""
    assert after_prefix(prefix) == end
