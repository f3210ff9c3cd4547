"""Capabilities: one question, answered or refused."""

import pytest
from pydantic import ValidationError

from prism.errors import Unimplemented
from prism.sdk import Capabilities


def test_the_defaults_promise_nothing() -> None:
    """A manifest that declares nothing can do none of the optional things."""
    nothing = Capabilities()
    for name in ("durability", "transactions", "compare_and_swap", "scan", "ttl", "versions", "idempotency"):
        assert not nothing.declares(name)


def test_a_degree_is_a_declaration() -> None:
    """Whatever degree a capability has, it is there."""
    assert Capabilities(compare_and_swap="until_failover").declares("compare_and_swap")
    assert Capabilities(durability="store").declares("durability")


def test_what_is_missing_is_named() -> None:
    """A refusal names what was asked and the capability; what is declared passes."""
    Capabilities(scan=True).require("scan", "a listing")
    with pytest.raises(Unimplemented, match="a listing needs the capability 'scan'") as refusal:
        Capabilities().require("scan", "a listing")
    assert refusal.value.capability == "scan"
    assert refusal.value.metadata == {"capability": "scan"}


@pytest.mark.parametrize("wrong", [{"scans": True}, {"durability": "forever"}, {"max_item_size": 0}])
def test_a_misspelt_manifest_is_refused(wrong: dict[str, object]) -> None:
    """Unknown names and impossible values are errors, not defaults."""
    with pytest.raises(ValidationError):
        Capabilities.model_validate(wrong)
