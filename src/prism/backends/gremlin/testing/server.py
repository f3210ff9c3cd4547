"""A real Gremlin Server for tests, over a graph in its memory that has transactions.

It runs from the artifacts of Apache TinkerPop (`dev/setup` fetches them); its Java is started with little memory and
the quick compiler alone. Its port opens even where its graph does not: it is ready when a query is answered.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from gremlin_python.process.graph_traversal import __

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import NotReady, ServerProcess
from prism.backends.gremlin.config import GremlinConfig, GremlinCredentials
from prism.backends.gremlin.errors import Refused, ServerError, Unreachable
from prism.backends.gremlin.graph.statements import G, probe
from prism.backends.gremlin.link import Link
from prism.context import Context
from prism.errors import PrismError
from prism.sdk import Deadline

LIBS_VARIABLE: Final = "PRISM_TEST_GREMLIN_LIBS"
USER: Final = "prism"
PASSWORD: Final = "quoth the raven"  # noqa: S105  # of a server of a test
_HASHED: Final = "$2a$04$VGJu9L8FqyG1qK4RWhhpBeSntTb6AjNhHj3c3MQWH9gLCyE50ASkm"
"""That password by bcrypt."""
_JAVA: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_READY: Final = r"Channel started at port"
_START_SECONDS: Final = 90.0
"""Java on a busy machine."""
_PART: Final = 5000
"""Nodes that are removed at a time."""
STORE_PASSWORD: Final = "changeit"  # noqa: S105  # of the file of its certificate

_GRAPHS: Final = "org.apache.tinkerpop.gremlin.tinkergraph.structure"
_SERVER: Final = "org.apache.tinkerpop.gremlin.server"
_IDS: Final = "gremlin.tinkergraph.vertexIdManager=ANY\ngremlin.tinkergraph.edgeIdManager=ANY\n"
_ACCOUNTS: Final = (
    '{"id":{"@type":"g:Int64","@value":1},"label":"user","properties":{'
    '"username":[{"id":{"@type":"g:Int64","@value":2},"value":"@USER@"}],'
    '"password":[{"id":{"@type":"g:Int64","@value":3},"value":"@HASH@"}]}}\n'
)
_CONFIGURATION: Final = """\
host: 127.0.0.1
port: {port}
channelizer: {server}.channel.WebSocketChannelizer
graphs: {{graph: graph.properties}}
evaluationTimeout: 60000
gremlinPool: 8
threadPoolWorker: 2
maxContentLength: 10485760
scriptEngines:
  gremlin-groovy:
    plugins:
      {server}.jsr223.GremlinServerGremlinPlugin: {{}}
      org.apache.tinkerpop.gremlin.tinkergraph.jsr223.TinkerGraphGremlinPlugin: {{}}
      org.apache.tinkerpop.gremlin.jsr223.ScriptFileGremlinPlugin: {{files: [graph.groovy]}}
serializers:
  - {{className: org.apache.tinkerpop.gremlin.util.ser.GraphBinaryMessageSerializerV1}}
processors:
  - {{className: {server}.op.session.SessionOpProcessor, config: {{sessionTimeout: 60000}}}}
"""


class ServerMissing(StoreMissing):
    """No Gremlin Server can be had on this machine; the message is the reason to skip a test by."""


def libraries() -> Path:
    """The folder of the server's jars: what PRISM_TEST_GREMLIN_LIBS names, or what `dev/setup` put beside this Python.

    Raises:
        ServerMissing: there is none, or no Java.
    """
    named = os.environ.get(LIBS_VARIABLE)
    found = Path(named) if named else Path(sys.executable).parent.parent / "gremlin-server"
    if not found.is_dir():
        raise ServerMissing(
            "gremlin-server is not installed: `dev/setup test` fetches it where Maven and its registry are"
        )
    if shutil.which("java") is None:
        raise ServerMissing("gremlin-server needs Java, which is not installed")
    return found


class GremlinServer:
    """One server, which keeps its port from start to start; its graph is as long as it runs.

    Args:
        within: the folder for its temporary one.
        graph: the class of its graph.
        accounts: it asks for `USER` and `PASSWORD`.
        certificate: PKCS #12 of a key and its certificate by `STORE_PASSWORD`, which it speaks TLS with.
        ca: PEM of what that certificate is verified by.

    Attributes:
        process: the server's process.
        port: where it listens on loopback.
    """

    def __init__(
        self,
        *,
        within: Path | None = None,
        graph: str = "TinkerTransactionGraph",
        accounts: bool = False,
        certificate: Path | None = None,
        ca: Path | None = None,
    ) -> None:
        self._libraries = libraries()
        self._graph, self._accounts = graph, accounts
        self._certificate, self._ca = certificate, ca
        self.process = ServerProcess("gremlin", within=within)
        self._port = HeldPort()
        self.port = self._port.number

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"{'wss' if self._certificate else 'ws'}://127.0.0.1:{self.port}/gremlin"

    def start(self) -> None:
        """Starts it and waits until it answers a query; does nothing while it runs."""
        if self.process.running:
            return
        self._write(self.process.folder)
        command = [
            "java", *_JAVA, "-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-cp", f"{self._libraries}/*",
            f"{_SERVER}.GremlinServer", "server.yaml",
        ]  # fmt: skip
        self.process.launch(command, _READY, timeout=_START_SECONDS)
        asyncio.run(self._answer())

    async def _answer(self) -> None:
        try:
            async with self.link() as link:
                await link.ask(probe(), Context("", Deadline.after(_START_SECONDS)), writes=False)
        except (PrismError, Refused, ServerError, Unreachable) as error:
            self.process.kill()
            raise NotReady(f"gremlin does not answer a query: {error}; it said:\n{self.process.log}") from error

    @asynccontextmanager
    async def link(self) -> AsyncIterator[Link]:
        """A way to it, for the length of a block."""
        patient = {"connect_timeout": _START_SECONDS, "keepalive": 600.0}
        config = GremlinConfig.model_validate({**self.configuration(), **patient})
        link = Link(config, GremlinCredentials(**self.credentials()))
        link.start()
        try:
            yield link
        finally:
            await link.stop()

    async def empty(self) -> None:
        """Removes all that is in its graph."""
        async with self.link() as link:
            part = G.V().limit(_PART).side_effect(__.drop()).count().bytecode
            while (await link.ask(part, Context(""), writes=True))[0]:
                pass

    def configuration(self) -> dict[str, Any]:
        """Of a namespace on it."""
        login = {"login": "password"} if self._accounts else {}
        return {"url": self.url, **login, **({"ca": str(self._ca)} if self._ca else {})}

    def credentials(self) -> dict[str, Any]:
        """What it lets in, as a configuration gives it."""
        return {"username": USER, "password": PASSWORD} if self._accounts else {}

    def stop(self) -> None:
        """Ends it for good; nothing is left."""
        self.process.remove()

    def _write(self, folder: Path) -> None:
        text = _CONFIGURATION.format(port=self.port, server=_SERVER)
        if self._accounts:
            text += f"authentication: {{authenticator: {_SERVER}.auth.SimpleAuthenticator, "
            text += "config: {credentialsDb: accounts.properties}}\n"
            (folder / "accounts.properties").write_text(
                f"gremlin.graph={_GRAPHS}.TinkerGraph\n{_IDS}gremlin.tinkergraph.graphFormat=graphson\n"
                f"gremlin.tinkergraph.graphLocation={folder / 'accounts.json'}\n"
            )
            (folder / "accounts.json").write_text(_ACCOUNTS.replace("@USER@", USER).replace("@HASH@", _HASHED))
        if self._certificate is not None:
            text += f"ssl: {{enabled: true, keyStore: '{self._certificate}', keyStoreType: PKCS12, "
            text += f"keyStorePassword: {STORE_PASSWORD}}}\n"
        (folder / "server.yaml").write_text(text)
        (folder / "graph.properties").write_text(f"gremlin.graph={_GRAPHS}.{self._graph}\n{_IDS}")
        (folder / "graph.groovy").write_text("def globals = [:]\nglobals << [g: traversal().withEmbedded(graph)]\n")
