"""Topics and patterns: what is well formed, and what matches."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prism.sdk.topics import fault, matcher


@pytest.mark.parametrize(
    "topic", ["a", "a.b", "orders.eu.created", "a*", "*a.b>", ">>", "**", "\u00fc.\U0001f600", "a b"]
)
def test_what_a_topic_may_be(topic: str) -> None:
    """Any text between dots will do, `*` and `>` inside of a token too; every topic is a pattern."""
    assert fault(topic) == fault(topic, pattern=True) == ""


@pytest.mark.parametrize("topic", [".", "a.", ".a", "a..b"])
def test_no_token_is_empty(topic: str) -> None:
    """An empty token is refused in topics and in patterns."""
    assert "empty" in fault(topic)
    assert "empty" in fault(topic, pattern=True)


@pytest.mark.parametrize("pattern", ["*", ">", "a.*", "a.>", "*.*.>", "*.b"])
def test_wildcards_are_for_patterns(pattern: str) -> None:
    """What is a pattern only is refused as a topic."""
    assert fault(pattern, pattern=True) == ""
    assert "for patterns" in fault(pattern)


@pytest.mark.parametrize("pattern", [">.a", "a.>.b", ">.>"])
def test_the_rest_comes_last(pattern: str) -> None:
    """`>` stands at the end or nowhere."""
    assert "last token" in fault(pattern, pattern=True)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a.b", ["a.b"], ["a", "b", "a.b.c", "A.b", "a.B"]),
        ("*", ["a", "b*", ">>"], ["a.b"]),
        ("a.*", ["a.b", "a.a"], ["a", "b.a", "a.b.c"]),
        ("*.b.*", ["a.b.c", "b.b.b"], ["a.c.b", "a.b", "a.b.c.d"]),
        (">", ["a", "a.b", "a.b.c"], []),
        ("a.>", ["a.b", "a.b.c"], ["a", "b.a", "ab.c"]),
        ("*.b.>", ["a.b.c", "b.b.c.d"], ["a.b", "a.c.b"]),
        ("a*", ["a*"], ["ab", "a"]),
        ("a.b>", ["a.b>"], ["a.bc", "a.b.c"]),
    ],
)
def test_what_matches(pattern: str, matching: list[str], others: list[str]) -> None:
    """`*` is exactly one token, `>` is one or more; everything else is itself."""
    matches = matcher(pattern)
    assert [topic for topic in (*matching, *others) if matches(topic)] == matching


TOKENS = st.sampled_from(["a", "b", "ab", "a*", "\u00e9", "c"])


@given(st.lists(TOKENS | st.just("*"), min_size=1, max_size=4), st.booleans(), st.lists(TOKENS, min_size=1, max_size=5))
def test_it_agrees_with_a_regular_expression(tokens: list[str], rest: bool, topic: list[str]) -> None:
    """Whatever the tokens, a pattern matches what its regular expression does."""
    pattern = ".".join([*tokens, ">"] if rest else tokens)
    expected = r"\.".join("[^.]+" if token == "*" else re.escape(token) for token in tokens) + r"(\..+)" * rest
    assert matcher(pattern)(".".join(topic)) == bool(re.fullmatch(expected, ".".join(topic)))
