"""Capabilities: what a manifest declares for each abstraction, and one question, answered or refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from prism.errors import Unimplemented
from prism.interfaces.capabilities.cache import CacheCapabilities
from prism.interfaces.capabilities.keyvalue import KeyValueCapabilities
from prism.interfaces.capabilities.pubsub import PubSubCapabilities
from prism.interfaces.catalogue import interfaces
from prism.sdk import DeclaredCapabilities

SERVED = ("cache", "keyvalue")


def problems(section: dict[str, Any]) -> dict[str, str]:
    """What is wrong with a section of a plugin that serves Cache and KeyValue, by its place."""
    with pytest.raises(ValidationError) as refusal:
        DeclaredCapabilities.parse(section, SERVED)
    return {".".join(map(str, each["loc"])): each["msg"] for each in refusal.value.errors()}


def test_the_defaults_promise_nothing() -> None:
    """A manifest that declares nothing can do none of the optional things."""
    nothing = KeyValueCapabilities()
    for name in ("durability", "transactions", "compare_and_swap", "scan", "ttl", "versions", "idempotency"):
        assert not nothing.declares(name)
    assert not DeclaredCapabilities().durable
    assert DeclaredCapabilities().of("pubsub") == PubSubCapabilities()


def test_a_degree_is_a_declaration() -> None:
    """Whatever degree a capability has, it is there."""
    assert KeyValueCapabilities(compare_and_swap="until_failover").declares("compare_and_swap")
    assert PubSubCapabilities(durability="store").declares("durability")


def test_what_is_missing_is_named() -> None:
    """A refusal names what was asked and the capability; what is declared passes."""
    KeyValueCapabilities(scan=True).require("scan", "a listing")
    with pytest.raises(Unimplemented, match="a listing needs the capability 'scan'") as refusal:
        KeyValueCapabilities().require("scan", "a listing")
    assert refusal.value.capability == "scan"
    assert refusal.value.metadata == {"capability": "scan"}


def test_one_section_is_for_all_abstractions_served() -> None:
    """A manifest of before is valid: each abstraction takes what it has."""
    declared = DeclaredCapabilities.parse(
        {"durability": "synced", "reload": "overlap", "scan": True, "ttl": True}, SERVED
    )
    assert declared.reload == "overlap"
    assert declared.of("keyvalue") == KeyValueCapabilities(durability="synced", scan=True, ttl=True)
    assert declared.of("cache") == CacheCapabilities(durability="synced", ttl=True)
    assert declared.of("pubsub") == PubSubCapabilities()  # not served


def test_an_abstraction_may_differ() -> None:
    """Its own table has its own capabilities, and wins over what is said for all."""
    section = {"durability": "store", "max_payload": 1000, "pubsub": {"durability": "none", "max_payload": 2000}}
    declared = DeclaredCapabilities.parse(section | {"keyvalue": {"scan": True}}, ("keyvalue", "pubsub"))
    assert declared.of("keyvalue") == KeyValueCapabilities(durability="store", max_payload=1000, scan=True)
    assert declared.of("pubsub") == PubSubCapabilities(max_payload=2000)
    assert declared.durable
    assert declared.max_payload == 2000


def test_what_is_dumped_can_be_declared() -> None:
    """The plain data, of each abstraction in full, is a section that says the same."""
    declared = DeclaredCapabilities.parse({"durability": "store", "reload": "overlap", "pubsub": {"ordering": True}})
    again = DeclaredCapabilities.parse(declared.dump())
    assert (again.by_interface, again.reload) == (declared.by_interface, "overlap")


@pytest.mark.parametrize(
    ("section", "place", "problem"),
    [
        ({"scans": True}, "scans", "there is no such capability; there are compare_and_swap, durability"),
        ({"durability": "forever"}, "durability", "it should be 'none', 'store' or 'synced'"),
        ({"keyvalue": {"scan": "perhaps"}}, "keyvalue.scan", "valid boolean"),
        ({"keyvalue": {"queue_groups": True}}, "keyvalue.queue_groups", "not permitted"),
        ({"max_item_size": 0}, "max_item_size", "greater than 0"),
        ({"reload": "never"}, "reload", "it should be 'overlap' or 'handover'"),
        ({"cache": {"reload": "overlap"}}, "cache.reload", "move it to [capabilities]"),
        ({"cache": True}, "cache", "write [capabilities.cache]"),
        (
            {"pubsub": {"ordering": True}},
            "pubsub",
            "does not serve pubsub: add it to 'interfaces', or remove the table",
        ),
        ({"queue_groups": True}, "queue_groups", "a capability of pubsub, which the plugin does not serve: remove it"),
    ],
)
def test_a_wrong_section_is_refused_with_the_place(section: dict[str, Any], place: str, problem: str) -> None:
    """Unknown names and impossible values are errors, not defaults, and each is told once."""
    found = problems(section)
    assert [*found] == [place]
    assert problem in found[place]


def test_to_say_that_a_thing_is_not_there_is_no_mistake() -> None:
    """A plugin of an earlier release names capabilities of abstractions that it does not serve, all of them off."""
    section = {"queue_groups": False, "compare_and_swap": "none", "persistent": False}
    assert DeclaredCapabilities.parse(section, ("cache",)).of("cache") == CacheCapabilities()


def test_no_capability_is_called_like_an_abstraction() -> None:
    """In one table of TOML both are keys."""
    names = {name for each in interfaces().values() for name in each.capabilities.model_fields} | {"reload"}
    assert not names & set(interfaces())
