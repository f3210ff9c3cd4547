"""The opencypher backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from prism.backends.opencypher.config import OpenCypherConfig, OpenCypherCredentials
from prism.backends.opencypher.graph import OpenCypherGraphs
from prism.backends.opencypher.link import Link
from prism.backends.opencypher.schema import Schema
from prism.errors import PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus
from prism.sdk.graph import StoredGraph

_PROBE_SECONDS = 1.5


class OpenCypherBackend:
    """A database of one server or cluster, which any number of gateways may share."""

    def __init__(self, config: OpenCypherConfig, credentials: OpenCypherCredentials) -> None:
        self._config = config
        password = credentials.password
        self._link = Link(config, credentials.username, None if password is None else password.get_secret_value())
        self._schema = Schema(self._link)
        self._store = OpenCypherGraphs(self._link, self._schema, config.prefix)
        self._graph = StoredGraph(self._store)

    @property
    def identity(self) -> str:
        """Server, database and prefix as configured."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._graph,)

    async def start(self) -> None:
        self._link.start()
        await self._schema.nodes(Context("", Deadline.after(self._config.statement_timeout)))

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is a property of its nodes."""

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
        await self._link.stop()
