"""What is said of writes that fail, and of values that cannot be read; without a server."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

import pytest
from neo4j import READ_ACCESS, WRITE_ACCESS, AsyncGraphDatabase
from neo4j.exceptions import BrokenRecordError, Neo4jError
from neo4j.graph import Graph, Node, Relationship

from prism.backends.opencypher.config import OpenCypherConfig
from prism.backends.opencypher.errors import RULE, translate
from prism.backends.opencypher.graph import OpenCypherGraphs
from prism.backends.opencypher.link import Link, _Attempt
from prism.backends.opencypher.names import NODE, sorted_text
from prism.backends.opencypher.schema import Schema
from prism.backends.opencypher.values import value_of
from prism.context import Context
from prism.errors import AlreadyExists, BackendUnavailable, DeadlineExceeded, FailedPrecondition, Outcome, PrismError
from prism.interfaces.graph import Edge, Mode
from prism.interfaces.graph import Node as Made
from prism.sdk.graph import NodeChange


def refused(code: str) -> Neo4jError:
    """An error of the server's."""
    return Neo4jError._hydrate_neo4j(code=code, message="refused")


class Refusing:
    """A session, and its transaction, whose commit fails."""

    def __init__(self, code: str) -> None:
        self._code = code

    async def begin_transaction(self, **_: Any) -> "Refusing":
        """Itself."""
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def commit(self) -> None:
        """Fails."""
        raise refused(self._code)


async def _nothing(_: Any) -> None:
    return


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("Neo.DatabaseError.Transaction.TransactionCommitFailed", Outcome.UNKNOWN),
        ("Neo.DatabaseError.Transaction.TransactionLogError", Outcome.UNKNOWN),
        (RULE, Outcome.NOT_APPLIED),
        ("Neo.TransientError.Transaction.DeadlockDetected", Outcome.NOT_APPLIED),
    ],
)
async def test_a_commit_that_failed(code: str, outcome: Outcome) -> None:
    """Its log may have had it where the server itself failed."""
    attempt = _Attempt(Outcome.NOT_APPLIED)
    session: Any = Refusing(code)
    with pytest.raises(Neo4jError):
        await attempt.done(session, _nothing, 1.0)
    assert attempt.outcome is outcome


def test_a_value_that_cannot_be_read() -> None:
    """Neo4j has answered; what it holds is to be changed."""
    error = translate(BrokenRecordError("unknown zone"), None)
    assert isinstance(error, FailedPrecondition)
    assert "toString" in error.message


@pytest.mark.parametrize("name", [None, 7, "own", "a\x01\x01b\x01\x01", "\ud7ff\uffff\uffff" + 5 * "\x01\x01"])
def test_what_others_have_named(name: Any) -> None:
    """Edges and nodes with an `_id` of their own come as others' do."""
    graph: Any = Graph()
    given = {} if name is None else {"_id": name}
    edge = graph.relationship_type("KNOWS")(graph, "1", 1, given)
    assert isinstance(edge, Relationship)
    assert set(value_of(edge).map.entries) == {"label", "properties"}
    if not isinstance(name, str):
        node = Node(graph, "1", 1, [NODE], given)
        assert set(value_of(node).map.entries) == {"labels", "properties"}


def test_what_the_graph_has_named() -> None:
    """An edge of the graph's own comes with its ends."""
    graph: Any = Graph()
    edge = graph.relationship_type("KNOWS")(graph, "1", 1, {"_id": sorted_text("n", "a", "KNOWS", "b", "")})
    assert set(value_of(edge).map.entries) == {"from_id", "label", "to_id", "key", "properties"}


class Failing(Link):
    """A link whose writes break a rule, or all succeed, and whose reads fail."""

    def __init__(self, *, breaks: bool) -> None:
        super().__init__(OpenCypherConfig(), "neo4j", None)
        self._breaks = breaks

    async def rows(self, *_: Any, **__: Any) -> list[list[Any]]:
        """Fails."""
        raise DeadlineExceeded("over")

    async def write(self, *_: Any, **__: Any) -> Any:
        """Breaks a rule."""
        if self._breaks:
            raise AlreadyExists("broken") from refused(RULE)


@pytest.mark.parametrize("label", ["", "x"])
async def test_what_fails_before_or_after_a_write(label: str) -> None:
    """Nothing is applied where the schema could not be made, or the reason of a refusal could not be read."""
    link = Failing(breaks=not label)
    graph = OpenCypherGraphs(link, Schema(link), "")
    here = Context("n")
    labels = [label] if label else []
    edge = Edge(from_id="a", label="KNOWS", to_id="b")
    create = Mode.GRAPH_MODE_CREATE
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: graph.create_nodes(here, [Made(id="a", labels=labels)], create),
        lambda: graph.create_edges(here, [edge], create),
        lambda: graph.update_node(here, "a", NodeChange({}, [], [label], [])),
    ]
    for call in calls if label else calls[:2]:
        with pytest.raises(PrismError) as caught:
            await call()
        assert caught.value.outcome is Outcome.NOT_APPLIED


async def test_no_session_without_a_start() -> None:
    """A link that is stopped says so."""
    with pytest.raises(PrismError, match="stopped"):
        await Link(OpenCypherConfig(), "neo4j", None).rows(Context("n"), "RETURN 1")


class Recording:
    """A driver that has no sessions, and knows what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def session(self, **options: Any) -> Any:
        """Fails."""
        self.asked.append(options)
        raise OSError("no server")


async def test_who_is_read_from() -> None:
    """Prism's own statements read by the leader; a caller's anywhere, where what was written is known."""
    bookmarks = AsyncGraphDatabase.bookmark_manager()
    link = Link(OpenCypherConfig(url="neo4j://localhost"), "neo4j", None, bookmarks)
    driver: Any = Recording()
    link._driver = driver
    for of_caller in (False, True):
        with pytest.raises(BackendUnavailable):
            async with link.reading(Context("n"), "RETURN 1", {}, of_caller=of_caller):
                pass
    with pytest.raises(BackendUnavailable):
        await link.write(Context("n"), _nothing, of_caller=True)
    assert [each["default_access_mode"] for each in driver.asked] == [WRITE_ACCESS, READ_ACCESS, WRITE_ACCESS]
    assert all(each["bookmark_manager"] is bookmarks for each in driver.asked)
