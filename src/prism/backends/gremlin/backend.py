"""The gremlin backend, as its host sees it."""

from collections.abc import Mapping, Sequence

from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.graph import statements
from prism.backends.gremlin.graph.store import GremlinGraphs
from prism.backends.gremlin.link import Link
from prism.errors import PrismError
from prism.sdk import Context, Deadline, Health, HealthStatus
from prism.sdk.graph import StoredGraph

_PROBE_SECONDS = 1.5


class GremlinBackend:
    """A graph of one Gremlin server, which any number of gateways may share.

    Attributes:
        link: the way to it.
    """

    def __init__(self, config: GremlinConfig, credentials: GremlinCredentials) -> None:
        self._config = config
        self.link = Link(config, credentials)
        self._store = GremlinGraphs(self.link, config.prefix)
        self._graph = StoredGraph(self._store)

    @property
    def identity(self) -> str:
        """Server and graph as configured."""
        return self._config.identity

    @property
    def interfaces(self) -> Sequence[object]:
        return (self._graph,)

    async def start(self) -> None:
        self.link.start()
        await self._store.start()

    async def attach(self, namespace: str) -> None:
        """Does nothing: a namespace is a part of every id."""

    async def holds_data(self, namespace: str) -> bool:
        return await self._store.holds(namespace)

    async def health(self) -> Health:
        try:
            await self._store.read(statements.probe(), Context("", Deadline.after(_PROBE_SECONDS)))
        except PrismError as error:
            return Health(HealthStatus.UNHEALTHY, error.message)
        return Health()

    def metrics(self) -> Mapping[str, float]:
        return {
            "pool_connections": self.link.connections,
            "requests_given_up": self.link.given_up,
            "conflicts_retried": self._store.conflicts,
            **self._graph.metrics(),
        }

    async def stop(self) -> None:
        await self.link.stop()
