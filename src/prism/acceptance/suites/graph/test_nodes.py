"""Rules 2 and 10: nodes, how they are made, merged and replaced, and what properties they keep."""

import asyncio
from collections.abc import Collection

import pytest

from prism.acceptance.suites.graph.dsl import CREATE, MERGE, REPLACE, Graph, node, plain, values
from prism.client.filters import field
from prism.client.values import to_value
from prism.errors import AlreadyExists, InvalidArgument, NodeNotFound, Unimplemented
from prism.interfaces import graph as g
from prism.interfaces.value import Kind, Value, ValueList, ValueMap
from prism.sdk.values.kinds import FLAT_LIST, TIMESTAMP_MS
from prism.sdk.values.text import to_text

KINDS: dict[str, list[Value]] = {
    Kind.BOOL: [Value(bool=True), Value(bool=False)],
    Kind.INT64: [Value(int64=each) for each in (0, -1, 2**63 - 1, -(2**63), 2**53 + 1)],
    Kind.DOUBLE: [Value(double=each) for each in (0.1, 1.0, 1e308, 5e-324)],
    "negative_zero": [Value(double=-0.0)],
    "non_finite": [Value(double=float("nan")), Value(double=float("-inf"))],
    Kind.DECIMAL: [Value(decimal=each) for each in ("1.0", "1.00", "-0.001", "9" * 50)],
    Kind.STRING: [Value(string=each) for each in ("", "ä", "\U0001f600", "it's", '"\\', "\ufeff\u2028", "e\u0301")],
    Kind.BYTES: [Value(bytes=each) for each in (b"", b"\0\xff", bytes(range(256)))],
    Kind.TIMESTAMP: [Value(timestamp=each) for each in (1, -1, 253_402_300_799_999_999)],
    TIMESTAMP_MS: [Value(timestamp=each) for each in (0, -1000, 253_402_300_799_999_000)],
    Kind.LIST: [
        Value(list=ValueList(values=each))
        for each in (
            [Value(int64=1), Value(string="a")],
            [Value(int64=1), Value(double=1.0)],
            [Value(bytes=b"a")],
            [Value(list=ValueList(values=[Value(int64=1)]))],
        )
    ],
    FLAT_LIST: [
        Value(list=ValueList(values=each))
        for each in (
            [],
            [Value(bool=True), Value(bool=False)],
            [Value(int64=2**53 + 1), Value(int64=-1)],
            [Value(double=1.0), Value(double=0.5)],
            [Value(string=""), Value(string="ä")],
            [Value(timestamp=0), Value(timestamp=-1)],
        )
    ],
    Kind.MAP: [Value(map=ValueMap()), Value(map=ValueMap(entries={"": Value(bool=True), "b": Value(int64=1)}))],
    Kind.NULL: [Value(list=ValueList(values=[Value(null="NULL_VALUE"), Value(bool=True)]))],
}
IDS = [
    "a",
    "A",
    "ä",
    "e\u0301",
    "é",
    "\U0001f600",
    "a/b",
    "a%2Fb",
    "a-x>b",
    " ",
    "%",
    "\x01",
    "\ud7ff",
    "\uffff",
    "z" * 512,
]


async def test_create_refuses_what_exists(graph: Graph) -> None:
    """CONTRACT, Graph 2: CREATE of what exists is ALREADY_EXISTS and changes nothing, of the whole request."""
    assert await graph.nodes(node("a", "x", p=1)) == 1
    request = g.CreateNodesRequest(nodes=[node("b"), node("a", "y", p=2)], mode=CREATE)
    refused = await graph.refused(AlreadyExists, "CreateNodes", request)
    assert refused.metadata["id"] == "a"
    assert [each.id for each in await graph.get("a", "b", via=1)] == ["a"]
    found = await graph.one("a")
    assert ([*found.labels], plain(found.properties)) == (["x"], {"p": 1})


async def test_merge_sets_what_is_named(graph: Graph) -> None:
    """CONTRACT, Graph 2: MERGE sets the named properties, a null removes; it makes what is missing."""
    await graph.nodes(node("a", "x", p=1, q=2, r=3))
    assert await graph.nodes(node("a", "x", q=None, r="new", s=4), node("b", p=None, q=1), mode=MERGE) == 1
    assert plain((await graph.one("a")).properties) == {"p": 1, "r": "new", "s": 4}
    assert plain((await graph.one("b")).properties) == {"q": 1}


async def test_replace_leaves_nothing(graph: Graph) -> None:
    """CONTRACT, Graph 2: REPLACE: properties and labels are those of the request."""
    await graph.nodes(node("a", "x", p=1, q=2))
    assert await graph.nodes(node("a", "y", q=3), node("b"), mode=REPLACE) == 1
    found = await graph.one("a")
    assert ([*found.labels], plain(found.properties)) == (["y"], {"q": 3})
    assert (await graph.ids(label="x"), await graph.ids(label="y")) == ([], ["a"])


async def test_racing_merges_make_one(graph: Graph) -> None:
    """CONTRACT, Graph 2: of N racing MERGEs one thing comes to be, and none of them is lost."""
    racing = [graph.nodes(node("a", **{f"p{each}": each}), mode=MERGE, via=each % 2) for each in range(64)]
    assert sum(await asyncio.gather(*racing)) == 1
    assert plain((await graph.one("a")).properties) == {f"p{each}": each for each in range(64)}


async def test_racing_creates_make_one(graph: Graph) -> None:
    """CONTRACT, Graph 2: of N racing CREATEs one succeeds, the others are ALREADY_EXISTS."""
    racing = [graph.nodes(node("a", by=each), via=each % 2) for each in range(32)]
    ends = await asyncio.gather(*racing, return_exceptions=True)
    won = [number for number, end in enumerate(ends) if end == 1]
    assert len(won) == 1
    assert {type(end) for end in ends if end != 1} == {AlreadyExists}
    assert plain((await graph.one("a")).properties) == {"by": won[0]}


async def test_an_update(graph: Graph) -> None:
    """CONTRACT, Graph 10: set, remove, a null that removes; the answer is the node as it is then."""
    await graph.nodes(node("a", "x", p=1, q=2, r=3))
    changed = await graph.update("a", set=values({"p": 10, "q": None, "s": "s"}), remove=["r", "none"])
    assert changed == await graph.one("a", via=1)
    assert plain(changed.properties) == {"p": 10, "s": "s"}
    refused = await graph.refused(NodeNotFound, "UpdateNode", g.UpdateNodeRequest(id="b", set=values({"p": 1})))
    assert refused.reason == "NODE_NOT_FOUND"
    assert await graph.get("b") == []


async def test_racing_updates_are_all_kept(graph: Graph) -> None:
    """CONTRACT, Graph 12: changes of one node are one after the other, or a conflict that says NOT_APPLIED."""
    await graph.nodes("a")
    await asyncio.gather(*(graph.update("a", set=values({f"p{each}": each})) for each in range(32)))
    assert plain((await graph.one("a")).properties) == {f"p{each}": each for each in range(32)}


async def test_several_labels(graph: Graph) -> None:
    """CONTRACT, Graph 10: a node has several labels where `multi_label` is declared, else one."""
    two = g.CreateNodesRequest(nodes=[node("a", "y", "x")])
    if not graph.capabilities.multi_label:
        await graph.refused(Unimplemented, "CreateNodes", two)
        await _keeps_one_label(graph)
        return
    await graph.call("CreateNodes", two)
    assert [*(await graph.one("a")).labels] == ["x", "y"]
    await graph.nodes(node("a", "z"), mode=MERGE)
    changed = await graph.update("a", add_labels=["w", "x"], remove_labels=["y", "none"])
    assert [*changed.labels] == ["w", "x", "z"]
    assert [await graph.ids(label=each) for each in "wxyz"] == [["a"], ["a"], [], ["a"]]


async def _keeps_one_label(graph: Graph) -> None:
    """A second label is refused however it comes; another one in its place, or a first one, is not."""
    await graph.nodes(node("a", "x", p=1), "b")
    for name, request in (
        ("CreateNodes", g.CreateNodesRequest(nodes=[node("a", "y", p=2)], mode=MERGE)),
        (
            "CreateNodes",
            g.CreateNodesRequest(nodes=[*(node(f"n{each}") for each in range(99)), node("a", "y")], mode=MERGE),
        ),
        ("UpdateNode", g.UpdateNodeRequest(id="a", add_labels=["y"], set=values({"p": 2}))),
    ):
        refused = await graph.refused(Unimplemented, name, request)
        assert refused.capability == "multi_label"
    assert await graph.ids() == ["a", "b"]
    found = await graph.one("a")
    assert ([*found.labels], plain(found.properties)) == (["x"], {"p": 1})
    await graph.nodes(node("a", "x", p=3), node("b", "x"), mode=MERGE)
    assert [*(await graph.update("a", add_labels=["y"], remove_labels=["x"])).labels] == ["y"]
    assert [await graph.ids(label=each) for each in "xy"] == [["b"], ["a"]]
    assert [*(await graph.update("b", remove_labels=["x", "none"])).labels] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_values_come_back(graph: Graph, kind: str) -> None:
    """CONTRACT, Graph 10: a value comes back with its kind and equal, or is refused before anything is stored."""
    for number, value in enumerate(KINDS[kind]):
        made = g.Node(id=f"n{number}", properties={"v": value, "other": Value(bool=True)})
        if not _needed(kind, graph.capabilities.value_kinds) <= {*graph.capabilities.value_kinds}:
            await graph.refused(Unimplemented, "CreateNodes", g.CreateNodesRequest(nodes=[made]))
            assert await graph.get(made.id) == []
            continue
        await graph.call("CreateNodes", g.CreateNodesRequest(nodes=[made]))
        assert to_text((await graph.one(made.id)).properties["v"]) == to_text(value)


def _needed(kind: str, declared: Collection[str]) -> set[str]:
    """What must be declared for values of `KINDS`."""
    if kind == FLAT_LIST and kind not in declared:
        return {Kind.LIST}
    if kind == TIMESTAMP_MS and kind not in declared:
        return {Kind.TIMESTAMP}
    beside = {Kind.NULL: Kind.LIST, "negative_zero": Kind.DOUBLE, "non_finite": Kind.DOUBLE}
    return {kind, beside.get(kind, kind)}


async def test_ids_are_bytes(graph: Graph) -> None:
    """CONTRACT, Graph: ids are any text, never normalized; lists are in the order of their bytes."""
    ids = sorted(IDS, key=str.encode)
    await graph.nodes(*reversed(ids))
    assert await graph.ids(limit=4) == ids
    assert [each.id for each in await graph.get(*ids)] == ids


async def test_pages_of_nodes(graph: Graph) -> None:
    """CONTRACT, Graph, pages: nodes that come or go between pages cause no skip and no repeat of others."""
    await graph.nodes(*(node(f"n{each:02}", "even" if each % 2 == 0 else "odd", n=each) for each in range(30)))
    page = await graph.call("ListNodes", g.ListNodesRequest(label="even", limit=5))
    assert [each.id for each in page.nodes] == ["n00", "n02", "n04", "n06", "n08"]
    await graph.delete("n08")
    await graph.nodes(node("n081", "even"), node("n01x", "even"))
    page = await graph.call("ListNodes", g.ListNodesRequest(label="even", limit=5, cursor=page.next_cursor), via=1)
    assert [each.id for each in page.nodes] == ["n081", "n10", "n12", "n14", "n16"]
    wrong = g.ListNodesRequest(label="odd", cursor=page.next_cursor)
    await graph.refused(InvalidArgument, "ListNodes", wrong)


async def test_filters_of_nodes(graph: Graph) -> None:
    """CONTRACT, 3.1 to 3.4: a property that is missing, or of another kind, makes every test false but NE."""
    await graph.nodes(node("a", p=1), node("b", p=2.5), node("c", p="1"), node("d"), node("e", p=1.0, q=True))
    for asked, expected in (
        (field("p").eq(1), ["a", "e"]),
        (field("p").gt(1), ["b"]),
        (field("p").ne(1), ["b", "c", "d"]),
        (field("p").exists(), ["a", "b", "c", "e"]),
        (field("p").starts_with(""), ["c"]),
        (field("none").eq(1), []),
        (field("none").ne(1), ["a", "b", "c", "d", "e"]),
        (field("q").eq(True), ["e"]),
    ):
        assert await graph.ids(filter=asked, limit=2) == expected, asked


async def test_what_is_not_a_node(graph: Graph) -> None:
    """CONTRACT, Graph: what breaks a rule is INVALID_ARGUMENT with its field, and nothing is made."""
    for broken, named in (
        (g.Node(id=""), "nodes[1].id"),
        (g.Node(id="x" * 513), "nodes[1].id"),
        (g.Node(id="x", labels=[""]), "nodes[1].labels"),
        (g.Node(id="x", properties={"": to_value(1)}), "nodes[1].properties"),
        (g.Node(id="x", properties={"p": Value()}), "nodes[1].properties['p']"),
        (g.Node(id="a"), "nodes[1]"),
    ):
        request = g.CreateNodesRequest(nodes=[node("a"), broken])
        refused = await graph.refused(InvalidArgument, "CreateNodes", request)
        assert [each.field for each in refused.violations] == [named], refused
    assert await graph.ids() == []


async def test_namespaces_are_apart(graph: Graph) -> None:
    """CONTRACT, common rules: no write of one namespace changes another."""
    other = graph.elsewhere()
    await graph.drawn("a-x>b")
    await other.nodes(node("a", p=1))
    assert (await graph.ids(), await other.ids()) == (["a", "b"], ["a"])
    assert await other.around("a") == []
    await other.delete("a", via=1)
    assert await graph.around("a") == ["a-x>b"]
