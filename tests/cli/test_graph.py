"""`prism graph` against a real server."""

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from cli.command import Done, prism
from client.upstream import Upstream
from graphs import graphing
from prism.cli.graph.formats import read_graphml

GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="labelV" for="node" attr.name="labelV" attr.type="string"/>
  <key id="n" for="node" attr.name="name" attr.type="string"/>
  <key id="a" for="node" attr.name="age" attr.type="int"/>
  <key id="labelE" for="edge" attr.name="labelE" attr.type="string"/>
  <key id="w" for="edge" attr.name="weight" attr.type="double"/>
  <graph edgedefault="directed">
    <edge id="7" source="1" target="2"><data key="labelE">knows</data><data key="w">0.5</data></edge>
    <node id="1"><data key="labelV">person</data><data key="n">m&amp;rko</data><data key="a">29</data></node>
    <node id="2"/>
  </graph>
</graphml>
"""


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A server of an empty graph."""
    async with graphing() as upstream:
        yield upstream


async def graph(upstream: Upstream, *arguments: str) -> Done:
    return await prism("graph", *arguments, endpoint=upstream.address)


async def answer(upstream: Upstream, *arguments: str) -> Any:
    """What it prints as JSON; it ends well."""
    done = await graph(upstream, *arguments, "-o", "json")
    assert done.code == 0, done.err
    return json.loads(done.out)


async def test_nodes_and_edges(upstream: Upstream) -> None:
    """Put, shown, listed, counted and deleted."""
    for made in (("ada", "-l", "person", "born=1815", "name=Ada"), ("bob",), ("zoo", "big=true")):
        assert (await graph(upstream, "node", "put", "default", *made)).code == 0
    for ends in (("ada", "knows", "bob", "since=1833"), ("bob", "owns", "zoo", "--key", "k")):
        assert (await graph(upstream, "edge", "put", "default", *ends)).code == 0
    assert await answer(upstream, "node", "get", "default", "ada") == {
        "id": "ada", "labels": ["person"], "properties": {"born": 1815, "name": "Ada"},
    }  # fmt: skip
    assert (await graph(upstream, "node", "get", "default", "none")).code == 1
    listed = await answer(upstream, "node", "list", "default", "-w", "born<1900")
    assert [each["id"] for each in listed] == ["ada"]
    done = await graph(upstream, "edge", "list", "default", "bob", "--direction", "both")
    assert done.out.split("\n")[0].split() == ["FROM", "LABEL", "TO", "KEY", "PROPERTIES"]
    assert [line.split()[:3] for line in done.out.splitlines()[1:]] == [["bob", "owns", "zoo"], ["ada", "knows", "bob"]]
    assert await answer(upstream, "edge", "count", "default", "bob") == {"edges": 1, "exact": True}
    refused = await graph(upstream, "node", "delete", "default", "ada")
    assert refused.code not in (0, 1)
    assert "has 1 edges" in refused.err
    assert (await graph(upstream, "edge", "delete", "default", "ada/knows/bob/")).code == 0
    assert (await graph(upstream, "edge", "delete", "default", "ada/knows/bob/")).code == 1
    assert (await graph(upstream, "node", "delete", "default", "bob", "--cascade")).code == 0
    assert "give NAME=VALUE" in (await graph(upstream, "node", "put", "default", "x", "y")).err


async def test_ways(upstream: Upstream, tmp_path: Path) -> None:
    """Steps of the command line, nodes, paths, and a shortest path."""
    lines = [{"node": {"id": each}} for each in "abcd"]
    lines += [{"edge": {"fromId": one, "label": "x", "toId": two}} for one, two in ("ab", "bc", "dc")]
    (tmp_path / "g.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert (await graph(upstream, "import", "default", str(tmp_path / "g.jsonl"))).code == 0
    found = await answer(upstream, "traverse", "default", "a", "x:1..2", "<x")
    assert [(each["depth"], each["id"]) for each in found] == [(2, "a"), (3, "b"), (3, "d")]
    paths = await answer(upstream, "traverse", "default", "a", "~*:0..3", "--returns", "paths", "--limit", "3")
    assert [each["path"] for each in paths] == [["a"], ["a", "b"], ["a", "b", "c"]]
    path = await answer(upstream, "path", "default", "a", "d", "--direction", "both")
    assert [(each["from"], each["to"]) for each in path] == [("a", "b"), ("b", "c"), ("d", "c")]
    assert (await graph(upstream, "path", "default", "a", "d")).code == 1
    assert "is not a step" in (await graph(upstream, "traverse", "default", "a", "x:y")).err


async def test_files(upstream: Upstream, tmp_path: Path) -> None:
    """GraphML comes in and goes out, JSON Lines lose nothing, DOT is a picture."""
    (tmp_path / "g.graphml").write_text(GRAPHML)
    done = await graph(upstream, "import", "default", str(tmp_path / "g.graphml"))
    assert (done.code, done.err) == (0, "stored 2 nodes and 1 edge\n")
    assert await answer(upstream, "node", "get", "default", "1") == {
        "id": "1", "labels": ["person"], "properties": {"age": 29, "name": "m&rko"},
    }  # fmt: skip
    once = (await graph(upstream, "export", "default", "--format", "graphml")).out
    lines = (await graph(upstream, "export", "default")).out
    assert json.loads(lines.splitlines()[2]) == {
        "edge": {"fromId": "1", "label": "knows", "toId": "2", "key": "7", "properties": {"weight": {"double": 0.5}}}
    }
    (tmp_path / "again.graphml").write_text(once)
    (tmp_path / "lines").write_text(lines)
    for file in ("again.graphml", "lines"):
        assert (await graph(upstream, "import", "default", str(tmp_path / file))).code == 0
        assert (await graph(upstream, "export", "default")).out == lines
    dot = (await graph(upstream, "export", "default", "--format", "dot")).out
    assert '  "1" -> "2" [label="knows"];' in dot.splitlines()


def test_the_data_of_a_graph() -> None:
    """It is not the data of the node before it."""
    text = b'<graphml><graph><data key="x">1</data><node id="a"/><data key="x">2</data></graph></graphml>'
    assert [each.properties for each in read_graphml(BytesIO(text))] == [{}]


async def test_what_is_in_a_file_twice(upstream: Upstream, tmp_path: Path) -> None:
    """Nodes and edges are merged, as with two files."""
    each: list[dict[str, Any]] = [{"properties": {name: {"int64": "1"}}} for name in "xy"]
    lines = [{"node": {"id": "a", **has}} for has in each]
    lines += [{"edge": {"fromId": "a", "label": "l", "toId": "a", **has}} for has in each]
    (tmp_path / "g.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = await graph(upstream, "import", "default", str(tmp_path / "g.jsonl"))
    assert done.code == 0, done.err
    node, edge = map(json.loads, (await graph(upstream, "export", "default")).out.splitlines())
    assert {*node["node"]["properties"]} == {*edge["edge"]["properties"]} == {"x", "y"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE g [<!ENTITY a "b">]><graphml/>', "line 1: a document type is not read"),
        ("<graphml><node/></graphml>", "line 1: id is missing"),
        ("<graphml><node", "this is not GraphML"),
        (GRAPHML.replace("29", "old"), "age is 'old', which is not a int"),
        ('<graphml><node id="a"><graph><node id="b"/></graph></node></graphml>', "a graph within a node is not read"),
        ('<graphml><key id="k"><default>x</default></key></graphml>', "line 1: a default of a key is not read"),
        ('<graphml><key attr.name="k"/></graphml>', "line 1: id is missing"),
    ],
)
async def test_files_that_are_wrong(upstream: Upstream, tmp_path: Path, text: str, said: str) -> None:
    """They are refused with the place; entities are never read."""
    (tmp_path / "g.xml").write_text(text)
    done = await graph(upstream, "import", "default", str(tmp_path / "g.xml"))
    assert done.code != 0
    assert said in done.err
