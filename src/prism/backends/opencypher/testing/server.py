"""A real Neo4j for tests: the community edition of Maven's artifacts, which may be stopped, killed and paused.

It is started by its embedded interface with Bolt on, for the artifact of the server has no main class; its Java has
little memory and the quick compiler alone.
"""

import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

LIBS_VARIABLE: Final = "PRISM_TEST_NEO4J_LIBS"
_OPENS: Final = "--add-opens=java.base/{}=ALL-UNNAMED"
_PACKAGES: Final = ("java.nio", "java.io", "sun.nio.ch", "java.lang", "java.util.concurrent")
_JAVA: Final = ("-Xmx384m", "-Xss2m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_MAIN: Final = Path(__file__).with_name("Server.java")
_START_SECONDS: Final = 400.0
"""Java on a busy machine."""


class ServerMissing(StoreMissing):
    """No Neo4j can be had on this machine; the message is the reason to skip a test by."""


def libraries() -> Path:
    """The folder of Neo4j's jars: what PRISM_TEST_NEO4J_LIBS names, or what `dev/setup` put beside this Python.

    Raises:
        ServerMissing: there is none, or no Java.
    """
    named = os.environ.get(LIBS_VARIABLE)
    found = Path(named) if named else Path(sys.executable).parent.parent / "neo4j"
    if not found.is_dir():
        raise ServerMissing("Neo4j is not installed: `dev/setup test` fetches it where Maven and its registry are")
    if shutil.which("java") is None:
        raise ServerMissing("Neo4j needs Java, which is not installed")
    return found


class Neo4jServer:
    """One server on a port and data of its own, which it keeps from start to start.

    Attributes:
        process: the server's process.
        port: where Bolt listens on loopback.
        password: of the user `neo4j`.
    """

    def __init__(
        self,
        settings: Mapping[str, str] | None = None,
        *,
        certificates: Path | None = None,
    ) -> None:
        """
        Args:
            settings: further lines of its configuration.
            certificates: a folder with `private.key` and `public.crt`: it speaks TLS too.
        """
        self._libraries = libraries()
        self._settings = dict(settings or {})
        self._certificates = certificates
        self.process = ServerProcess("neo4j")
        self._port = HeldPort()
        self.port = self._port.number
        self.password = secrets.token_hex(8)
        self._new = True

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"bolt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it answers; does nothing while it runs."""
        if self.process.running:
            return
        file = self.process.folder / "neo4j.conf"
        lines = {**self._configuration(), **self._settings}
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        opens = [_OPENS.format(each) for each in _PACKAGES]
        command: list[str | Path] = [
            "java", *opens, *_JAVA, "-cp", f"{self._libraries}/*", _MAIN, self.process.folder, file,
            *([self.password] if self._new else ()),
        ]  # fmt: skip
        self.process.launch(command, "^ready$", timeout=_START_SECONDS)
        self._new = False

    def stop(self) -> None:
        """Ends it for good; nothing is left."""
        self.process.remove()

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Ends a pause."""
        self.process.resume()

    def _configuration(self) -> dict[str, str]:
        lines = {
            "server.bolt.enabled": "true",
            "server.bolt.listen_address": f"127.0.0.1:{self.port}",
            "server.bolt.advertised_address": f"127.0.0.1:{self.port}",
            "server.bolt.thread_pool_min_size": "5",
            "server.memory.pagecache.size": "64m",
            "dbms.security.auth_enabled": "true",
            "dbms.security.auth_minimum_password_length": "1",
            "dbms.security.auth_max_failed_attempts": "0",
            "dbms.security.allow_csv_import_from_file_urls": "false",
            "internal.dbms.cypher_ip_blocklist": "0.0.0.0/0,::/0",
            "db.tx_log.preallocate": "false",
            "db.transaction.monitor.check.interval": "100ms",
            "dbms.usage_report.enabled": "false",
        }
        if self._certificates is not None:
            lines |= {
                "dbms.ssl.policy.bolt.enabled": "true",
                "dbms.ssl.policy.bolt.base_directory": str(self._certificates),
                "server.bolt.tls_level": "OPTIONAL",
            }
        return lines
