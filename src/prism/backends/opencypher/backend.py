"""The opencypher backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from neo4j import AsyncGraphDatabase

from prism.backends.opencypher.config import OpenCypherConfig, OpenCypherCredentials
from prism.backends.opencypher.errors import nothing_applied
from prism.backends.opencypher.graph import OpenCypherGraphs
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.query import OpenCypherQueries, Owner
from prism.backends.opencypher.schema import Schema
from prism.errors import PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus
from prism.sdk.graph import QueriedGraph

_PROBE_SECONDS = 1.5


class OpenCypherBackend:
    """A database of one server or cluster, which any number of gateways may share."""

    def __init__(self, config: OpenCypherConfig, credentials: OpenCypherCredentials) -> None:
        self._config = config
        password = credentials.password
        bookmarks = AsyncGraphDatabase.bookmark_manager() if config.query != "off" and config.routed else None
        secret = None if password is None else password.get_secret_value()
        self._link = Link(config, credentials.username, secret, bookmarks)
        self._schema = Schema(self._link)
        self._store = OpenCypherGraphs(self._link, self._schema, config.prefix)
        self._owner = Owner(self._link, self._schema)
        self._callers = self._link
        if credentials.query_username is not None and credentials.query_password is not None:
            secret = credentials.query_password.get_secret_value()
            self._callers = Link(config, credentials.query_username, secret, bookmarks)
        self._queries = OpenCypherQueries(self._callers, config.prefix)
        self._graph = QueriedGraph(self._store, self._queries, config.query, config.query_idle_timeout)

    @property
    def identity(self) -> str:
        """Server, database and prefix as configured."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._graph,)

    async def start(self) -> None:
        self._link.start()
        self._callers.start()
        with nothing_applied():
            await self._schema.nodes(self._context())
        if self._config.query != "off":
            await self._queries.guard.probe(self._context())

    async def attach(self, namespace: str) -> None:
        """Takes the database for the namespace alone where its callers' statements are let in."""
        space = self._config.prefix + namespace
        if self._config.query == "off":
            await self._owner.respect(self._context(), space)
        else:
            await self._owner.claim(self._context(), space)

    def _context(self) -> Context:
        return Context("", Deadline.after(self._config.statement_timeout))

    async def holds_data(self, namespace: str) -> bool:
        return await self._store.holds_data(namespace)

    async def health(self) -> Health:
        try:
            await self._link.rows(Context("", Deadline.after(_PROBE_SECONDS)), "RETURN 1")
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {"writes_repeated": self._link.repeated, **self._graph.metrics()}

    async def stop(self) -> None:
        await self._schema.stop()
        await self._link.stop()
        await self._callers.stop()
