"""Names and values as the server has them: nothing becomes another one, and their order is that of bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("gremlin_python")

from uuid import uuid4

from gremlin_python.process.traversal import Bytecode

from prism.backends.gremlin import messages
from prism.backends.gremlin.graph import names
from prism.backends.gremlin.graph.records import stored, value_of
from prism.interfaces.value import Value
from prism.sdk.graph import EdgeName
from prism.sdk.values.text import to_text

TEXTS = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0"),
        st.sampled_from("~%/}\x01\ud7ff\ue000\ue001\ue002\uffff\U00010000"),
    ),
    max_size=6,
)


def by_units(text: str) -> list[int]:
    """A text as Java compares it: by its UTF-16."""
    raw = text.encode("utf-16-be")
    return [int.from_bytes(raw[each : each + 2], "big") for each in range(0, len(raw), 2)]


@settings(deadline=None)  # a busy machine is slow
@given(TEXTS, TEXTS)
def test_the_order_is_that_of_bytes(one: str, other: str) -> None:
    """By UTF-16 and by UTF-8 texts that were written in order compare as their bytes do, and come back."""
    for write in (names.ordered, names.label):
        written = write(one), write(other)
        assert (by_units(written[0]) < by_units(written[1])) is (one.encode() < other.encode())
        assert (written[0].encode() < written[1].encode()) is (one.encode() < other.encode())
        assert (written[0] == written[1]) is (one == other)
    assert names.original(names.ordered(one)) == one


@settings(deadline=None)  # a busy machine is slow
@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_ids_come_back(space: str, from_id: str, label: str, to_id: str, key: str) -> None:
    """An id of a node, of an edge and a key of a property is that of one thing alone."""
    name = EdgeName(from_id, label, to_id, key)
    assert names.name_of(names.edge(space, name)) == name
    assert names.node_of(names.vertex(space, from_id)) == from_id
    assert names.property_of(names.key(key)) == key
    assert names.key(key) not in {names.NAMESPACE, names.LABEL}
    assert not names.key(key).startswith("~")
    assert not names.label(label).startswith("~")


def test_names_of_other_tools() -> None:
    """A plain name is stored as it is, so that other tools find it."""
    assert names.vertex("social", "ada") == "social/ada"
    assert names.edge("social", EdgeName("ada", "knows", "bob", "")) == "social/ada/knows/bob/"
    assert [names.vertex_label(each) for each in ([], ["person"], ["a::b"], ["~"])] == [
        "vertex",
        "person",
        "a:b",
        "vertex",
    ]


VALUES = [
    Value(bool=False),
    *(Value(int64=each) for each in (0, -(2**63), 2**63 - 1)),
    *(Value(double=each) for each in (0.1, -0.0, float("inf"), float("nan"), 5e-324)),
    *(Value(string=each) for each in ("", "\x01b", "\x01s\x01", "ä\U0001f600")),
    *(Value(bytes=each) for each in (b"", b"\0\xff", b"\x01b")),
    *(Value(timestamp=each) for each in (0, -1000, -62_135_596_800_000_000, 253_402_300_799_999_000)),
]


@pytest.mark.parametrize("value", VALUES, ids=to_text)
def test_values_come_back(value: Value) -> None:
    """Through GraphBinary every kind comes back as it was, with its kind."""
    code = Bytecode()
    code.add_step("inject", stored(value))
    sent = messages.request(uuid4(), "traversal", "bytecode", {"gremlin": code})
    argument = sent[sent.index(b"inject") + len(b"inject") + 4 :]
    found = messages.page(_response(argument))
    assert to_text(value_of(found.results[0])) == to_text(value)


def _response(results: bytes) -> bytes:
    """An answer of status 200 that brings one result, which is at the front of `results`."""
    uuid = uuid4().bytes
    empty = (0).to_bytes(4, "big")
    return (
        b"\x81\0"
        + uuid
        + (200).to_bytes(4, "big")
        + b"\x01"
        + empty
        + empty
        + b"\x09\0"
        + (1).to_bytes(4, "big")
        + results
    )
