"""Names and the texts that edges are sorted by."""

import random

import pytest

from prism.backends.opencypher import names

ALPHABET = ("\x01", "\x02", "a", "b", "ä", "\u0100", "\ud7fe", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff")


def texts(count: int) -> list[tuple[str, ...]]:
    """Names of three parts of what is hard to sort."""
    made = random.Random(22)
    return [tuple("".join(made.choices(ALPHABET, k=made.randint(0, 4))) for _ in range(3)) for _ in range(count)]


def test_texts_sort_as_their_parts_do() -> None:
    """By code points, whether they are compared in UTF-8 or in UTF-16; and come apart again."""
    made = texts(2000)
    expected = sorted(made)
    for encoding in ("utf-8", "utf-16-be"):
        assert sorted(made, key=lambda each: names.sorted_text(*each).encode(encoding)) == expected
    assert [tuple(names.parted(names.sorted_text(*each))) for each in made] == made


def test_a_stretch_holds_what_begins_with_a_part() -> None:
    """And nothing else."""
    made = texts(150)
    for one in made:
        begin = names.sorted_text(one[0])
        inside = [other for other in made if begin <= names.sorted_text(*other) < names.beyond(begin)]
        assert inside == [other for other in made if other[0] == one[0]]


@pytest.mark.parametrize("label", ["person", "_PrismNode", "_Prism", "Node", "_x", ""])
def test_labels_come_back(label: str) -> None:
    """None is taken for the one that every node has."""
    assert names.own_label(names.label_of(label)) == label
    assert names.label_of(label) != names.NODE


@pytest.mark.parametrize("name", ["born", "_id", "__id", "_", "_ns"])
def test_properties_come_back(name: str) -> None:
    """None is taken for one of Prism's."""
    kept = names.property_of(name)
    assert names.own_property(kept) == name
    assert kept not in {"_id", "_ns", "_in", "_lock"}
