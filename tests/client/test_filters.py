"""Filters as an application writes them: what they become, and what is refused at once."""

import pytest

from prism.client import all_of, any_of, field, negated
from prism.gateway.connect.json_codec import decode, encode
from prism.interfaces.filter import Filter, filter_violation


def test_what_they_become() -> None:
    """The filters of the contract, which JSON has as well."""
    made = all_of(
        field("country").eq("NZ"),
        any_of(field("age").ge(18), negated(field("age").exists())),
        field("plan").is_in(["team", "free"]),
        field("name").starts_with("a"),
    )
    assert filter_violation(made, "filter") is None
    text = b"""{"all": {"filters": [
        {"test": {"field": "country", "op": "FILTER_OP_EQ", "value": {"string": "NZ"}}},
        {"any": {"filters": [
            {"test": {"field": "age", "op": "FILTER_OP_GE", "value": {"int64": "18"}}},
            {"not": {"test": {"field": "age", "op": "FILTER_OP_EXISTS"}}}]}},
        {"test": {"field": "plan", "op": "FILTER_OP_IN", "values": [{"string": "team"}, {"string": "free"}]}},
        {"test": {"field": "name", "op": "FILTER_OP_PREFIX", "value": {"string": "a"}}}]}}"""
    assert decode(text, Filter) == made
    assert decode(encode(made), Filter) == made


def test_what_is_refused_at_once() -> None:
    """An operand that no filter has, where it is written."""
    with pytest.raises(ValueError, match="null; a null is missing: ask with EXISTS"):
        field("a").eq(None)
    with pytest.raises(ValueError, match="LT takes bytes, decimal"):
        field("a").lt([1])
    with pytest.raises(ValueError, match="at most 1000"):
        field("a").is_in([1] * 1001)
    with pytest.raises(TypeError, match="is a tuple"):
        field("a").eq((1,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="1 to 512"):
        field("").exists()
