"""plugin.toml: what is accepted, and how the rest is refused."""

from pathlib import Path

import pytest

from prism.plugins.manifest import Manifest, ManifestInvalid, read

MINIMAL = """
name = "toy"
version = "1.0"
protocol = 1
summary = "A toy."
maturity = "alpha"
interfaces = ["keyvalue"]
backend = "toy.backend:Toy"
config = "toy.config:ToyConfig"
"""

PROMISES = f"""
{MINIMAL.replace('["keyvalue"]', '["keyvalue", "pubsub"]')}
[capabilities.keyvalue]
durability = "store"
"""


def refused(text: str) -> str:
    with pytest.raises(ManifestInvalid) as caught:
        read(text.encode())
    return str(caught.value)


def test_the_defaults_promise_nothing() -> None:
    """A minimal manifest has no credentials, no drivers and no capability."""
    manifest = read(MINIMAL.encode())
    assert (manifest.credentials, manifest.drivers, manifest.pinned) == ("prism.sdk:NoCredentials", (), False)
    assert not manifest.capabilities.durable


def test_a_byte_order_mark_is_not_part_of_it() -> None:
    """As in every text file that the gateway reads."""
    assert read(b"\xef\xbb\xbf" + MINIMAL.encode()) == read(MINIMAL.encode())


def test_every_built_in_manifest_is_valid() -> None:
    """What ships can be read."""
    backends = Path(__file__).parents[2] / "src/prism/backends"
    manifests = [read(each.read_bytes()) for each in backends.glob("*/plugin.toml")]
    assert {"memory", "sqlite", "postgres"} <= {each.name for each in manifests}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('name = "toy"', 'name = "Toy Store"', "name"),
        ("protocol = 1", "protocol = 2", "protocol"),
        ('["keyvalue"]', '["kevalue"]', "'kevalue' is not a known abstraction; use one of "),
        ('["keyvalue"]', "[]", "interfaces"),
        ('"toy.backend:Toy"', '"toy.backend.Toy"', "backend"),
        ('maturity = "alpha"', 'maturity = "fine"', "maturity"),
        ('summary = "A toy."\n', "", "summary: Field required"),
        ("protocol = 1", "protocol = 1\npined = true", "pined: Extra inputs"),
        ("protocol = 1", "protocol = ", "not valid TOML"),
    ],
)
def test_a_wrong_field_is_named(old: str, new: str, field: str) -> None:
    """A manifest that cannot be used says which field is to blame."""
    assert field in refused(MINIMAL.replace(old, new))


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("[capabilities]\nscna = true", "capabilities.scna: there is no such capability; there are "),
        ("[capabilities]\nqueue_groups = true", "capabilities.queue_groups: it is a capability of pubsub, which the "),
        ("[capabilities.keyvalue]\nscna = true", "capabilities.keyvalue.scna: Extra inputs are not permitted"),
        ("[capabilities.pubsub]\nordering = true", "capabilities.pubsub: the plugin does not serve pubsub: add it to "),
        (
            "[capabilities.keyvalue]\ndurability = 1",
            "capabilities.keyvalue.durability: it should be 'none', 'store' or ",
        ),
    ],
)
def test_a_wrong_capability_is_named(section: str, problem: str) -> None:
    """With its place in the file, and what to write."""
    assert problem in refused(f"{MINIMAL}\n{section}\n")


def test_abstractions_of_one_plugin_may_promise_different_things() -> None:
    """A store may keep what KeyValue writes, and no message of PubSub: it is at most once."""
    declared = read(PROMISES.encode()).capabilities
    assert [declared.of(name).durability for name in ("keyvalue", "pubsub")] == ["store", "none"]


def test_all_problems_are_told_at_once() -> None:
    """Two wrong fields are two problems."""
    with pytest.raises(ManifestInvalid) as caught:
        read(MINIMAL.replace("protocol = 1", "protocol = 7").replace('"alpha"', '"fine"').encode())
    assert len(caught.value.problems) == 2


def test_a_list_whose_only_element_is_wrong_is_one_problem() -> None:
    """At the element; the list is not too short besides."""
    with pytest.raises(ManifestInvalid) as caught:
        read(MINIMAL.replace('["keyvalue"]', '["kv"]').encode())
    assert [each.partition(";")[0] for each in caught.value.problems] == [
        "interfaces.0: 'kv' is not a known abstraction"
    ]


def test_text_that_is_no_text_is_refused() -> None:
    """A binary file is not a manifest."""
    with pytest.raises(ManifestInvalid, match="UTF-8"):
        read(b"\xff\xfe\x00")


def test_a_manifest_is_a_value() -> None:
    """Equal files are equal manifests."""
    assert isinstance(read(MINIMAL.encode()), Manifest)
    assert read(MINIMAL.encode()) == read(MINIMAL.encode())
