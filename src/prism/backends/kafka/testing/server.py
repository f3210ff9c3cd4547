"""A real Kafka for tests: one node that is broker and controller, which may be stopped, killed, paused and refitted.

It runs from the artifacts of Apache Kafka (`dev/setup` fetches them); its Java is started with little memory and the
quick compiler alone.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from prism.acceptance.store.backend import StoreMissing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

LIBS_VARIABLE: Final = "PRISM_TEST_KAFKA_LIBS"
_JAVA: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_READY: Final = r"Kafka Server started|KafkaRaftServer.*started"
_START_SECONDS: Final = 90.0
"""Java on a busy machine."""

Login = Literal["none", "plain", "scram", "any"]
"""How clients log in: without a name, by SASL PLAIN, by SCRAM-SHA-512, or by any of PLAIN, SCRAM and OAUTHBEARER.

Tokens of OAUTHBEARER are not signed here: the broker takes what says who it is of, and has not expired.
"""
_MECHANISMS: Final[Mapping[str, Sequence[str]]] = {
    "plain": ("PLAIN",),
    "scram": ("SCRAM-SHA-512",),
    "any": ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"),
}


class ServerMissing(StoreMissing):
    """No Kafka can be had on this machine; the message is the reason to skip a test by."""


def libraries() -> Path:
    """The folder of Kafka's jars: what PRISM_TEST_KAFKA_LIBS names, or what `dev/setup` put beside this Python.

    Raises:
        ServerMissing: there is none, or no Java.
    """
    named = os.environ.get(LIBS_VARIABLE)
    found = Path(named) if named else Path(sys.executable).parent.parent / "kafka"
    if not found.is_dir():
        raise ServerMissing("Kafka is not installed: `dev/setup test` fetches it where Maven and its registry are")
    if shutil.which("java") is None:
        raise ServerMissing("Kafka needs Java, which is not installed")
    return found


def cluster_id() -> str:
    """A name as Kafka gives its clusters; none that its tools would take for an option."""
    while (name := secrets.token_urlsafe(16)[:22]).startswith("-"):
        pass
    return name


class KafkaServer:
    """One node on ports of its own, which it keeps from start to start.

    Attributes:
        process: the server's process.
        port: where clients reach it on loopback.
        secure_port: the same by TLS, where it has a certificate.
        secret: the password of `prism`, where it asks for one.
    """

    def __init__(
        self, login: Login = "none", settings: Mapping[str, str] | None = None, *, within: Path | None = None,
        controller: HeldPort | None = None, cluster: str = "", certificate: Path | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            login: what it asks of clients.
            settings: further lines of its configuration.
            within: the folder for its temporary one.
            controller: the port of its controller, where others are to know it.
            cluster: whose node it is; by default it is alone.
            certificate: PEM of a key and its certificate, for a second listener that wants TLS.
        """
        self._libraries = libraries()
        self._login = login
        self._settings = dict(settings or {})
        self.process = ServerProcess("kafka", within=within)
        self._port, self._controller = HeldPort(), controller or HeldPort()
        self._inside: HeldPort | None = None
        self._secure, self._certificate = HeldPort(), certificate
        self.secure_port = self._secure.number
        self._cluster = cluster
        self._said = 0
        self.port = self._port.number
        self.secret = secrets.token_hex(8)
        self._formatted = False

    @property
    def address(self) -> str:
        """How clients reach it."""
        return f"127.0.0.1:{self.port}"

    def credentials(self) -> dict[str, str]:
        """What it lets in, as a configuration gives it."""
        return {} if self._login == "none" else {"username": "prism", "password": self.secret}

    def behind(self, port: int) -> None:
        """Has clients told of this port, where a proxy is; other brokers come to it without. Before the first start."""
        inside = self._inside = HeldPort()
        client = f"CLIENT://127.0.0.1:{self.port}"
        self._settings |= {
            "listeners": f"{client},INSIDE://127.0.0.1:{inside},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{port},INSIDE://127.0.0.1:{inside}",
            "listener.security.protocol.map": "CLIENT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "INSIDE",
        }

    def start(self, **more: str) -> None:
        """Starts it and waits until it answers; does nothing while it runs.

        Args:
            more: other lines of its configuration, `_` for `.`; of this start.
        """
        if not self.process.running:
            self.launch(**more)
            self.wait()

    def launch(self, **more: str) -> None:
        """As `start`, without waiting for it."""
        if self.process.running:
            return
        file = self.process.folder / "server.properties"
        lines = {**self.configuration(), **self._settings, **{name.replace("_", "."): more[name] for name in more}}
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items() if value))
        if not self._formatted:
            self._format(file)
        command = self._java("kafka.Kafka", str(file), memory="256m")
        self._said = self.process.said
        self.process.launch(command, environment=_environment())

    def wait(self) -> None:
        """Returns when it answers, after `launch`."""
        self.process.wait_for(_READY, since=self._said, timeout=_START_SECONDS)

    def stop(self) -> None:
        """Ends it for good; nothing is left."""
        self.process.remove()

    def end(self) -> None:
        """Ends it in order; it may be started again."""
        self.process.end()

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()

    def pause(self) -> None:
        """Freezes it: connections stay open and nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Ends a pause."""
        self.process.resume()

    def configuration(self) -> dict[str, str]:
        """The lines of its configuration."""
        name = "CLIENT"
        protocol = "PLAINTEXT" if self._login == "none" else "SASL_PLAINTEXT"
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self._controller}",
            "listeners": f"{name}://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": f"{name}://127.0.0.1:{self.port}",
            "listener.security.protocol.map": f"{name}:{protocol},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": name,
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.process.folder / "data"),
            **dict.fromkeys(_ONE, "1"),
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "auto.create.topics.enable": "false",
            "log.retention.check.interval.ms": "500",
            "log.initial.task.delay.ms": "100",  # the first check is 30 s after the start otherwise
            "log.cleaner.dedupe.buffer.size": "2097152",
            "num.network.threads": "2",
            "num.io.threads": "2",
            "num.recovery.threads.per.data.dir": "1",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
        }
        if self._login != "none":
            lines |= self._sasl(name.lower())
        if self._certificate is not None:
            secure = f",SECURE://127.0.0.1:{self.secure_port}"
            lines["listeners"] += secure
            lines["advertised.listeners"] += secure
            lines["listener.security.protocol.map"] += f",SECURE:{protocol.replace('PLAINTEXT', 'SSL').lstrip('_')}"
            lines |= {
                "listener.name.secure.ssl.keystore.type": "PEM",
                "listener.name.secure.ssl.keystore.location": str(self._certificate),
                **(self._sasl("secure") if self._login != "none" else {}),
            }
        return lines

    def _sasl(self, listener: str) -> dict[str, str]:
        mechanisms = _MECHANISMS[self._login]
        lines = {
            "sasl.enabled.mechanisms": ",".join(mechanisms),
            "sasl.mechanism.inter.broker.protocol": mechanisms[0],
        }
        common = "org.apache.kafka.common.security"
        for each in mechanisms:
            account = 'username="broker" password="broker"'
            module = f"{common}.scram.ScramLoginModule"
            if each == "PLAIN":
                module = f"{common}.plain.PlainLoginModule"
                account += f' user_prism="{self.secret}" user_broker="broker"'
            elif each == "OAUTHBEARER":
                module = f"{common}.oauthbearer.OAuthBearerLoginModule"
                account = 'unsecuredLoginStringClaim_sub="broker"'
            lines[f"listener.name.{listener}.{each.lower()}.sasl.jaas.config"] = f"{module} required {account};"
        return lines

    def _format(self, file: Path) -> None:
        users: Sequence[str] = ()
        if self._login in ("scram", "any"):
            accounts = {"broker": "broker", "prism": self.secret}
            users = [
                each
                for user, password in accounts.items()
                for mechanism in _MECHANISMS[self._login]
                if mechanism.startswith("SCRAM")
                for each in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
            ]
        command = self._java(
            "kafka.tools.StorageTool", "format", "-t", self._cluster or cluster_id(), "-c", str(file),
            *(() if self._cluster else ("--standalone",)), *users, memory="128m",
        )  # fmt: skip
        subprocess.run(  # noqa: S603  # a program of a test
            command, check=True, capture_output=True, env=_environment(), cwd=self.process.folder
        )
        self._formatted = True

    def _java(self, main: str, *arguments: str, memory: str) -> list[str]:
        level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        started = "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"
        return [
            "java", f"-Xmx{memory}", *_JAVA, level, started, "-cp", f"{self._libraries}/*", main, *arguments,
        ]  # fmt: skip


_ONE: Final = (
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "offsets.topic.num.partitions",
    "transaction.state.log.num.partitions",
)
"""What wants three brokers, or makes many partitions, unless it is told otherwise."""


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
