"""A cluster of real NATS servers for tests, any of which may be killed."""

import json
from collections.abc import Iterator
from typing import Self
from urllib.request import urlopen

from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.polling import until
from prism.backends.nats.testing_server import Login, NatsServer


class NatsCluster:
    """Servers that know each other; a context manager.

    Attributes:
        servers: all of them; each lets in the same credentials.
    """

    def __init__(self, size: int = 3, login: Login = "none", *, jetstream: bool = False) -> None:
        self._routes = [HeldPort() for _ in range(size)]
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        self._monitors = [HeldPort() for _ in self._routes]
        self._jetstream = jetstream
        self.servers: list[NatsServer] = []
        for number, (port, monitor) in enumerate(zip(self._routes, self._monitors, strict=True)):
            settings = f"""
                server_name: s{number}
                http: "127.0.0.1:{monitor}"
                cluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{routes}] }}"""
            self.servers.append(NatsServer(login, settings, jetstream=jetstream))
            self.servers[-1].secret = self.servers[0].secret

    @property
    def urls(self) -> list[str]:
        """How clients reach them."""
        return [server.url for server in self.servers]

    def credentials(self) -> dict[str, str]:
        """What they let in, as a configuration gives it."""
        return self.servers[0].credentials()

    def start(self) -> None:
        """Starts those that do not run, and waits until each knows all others."""
        for server in self.servers:
            server.start()
        until(
            lambda: all(len(set(peers)) >= len(self.servers) - 1 for peers in map(_peers, self._monitors)),
            "each server has a route to every other, which its monitoring port alone tells",
        )
        if self._jetstream:
            until(lambda: all(map(_has_leader, self._monitors)), "JetStream of each server knows its leader")

    def stop(self) -> None:
        """Ends them for good; nothing is left."""
        for server in self.servers:
            server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _peers(monitor: HeldPort) -> Iterator[str]:
    """The servers to which one has a route."""
    with urlopen(f"http://127.0.0.1:{monitor}/routez") as answer:  # our own server
        return (route["remote_id"] for route in json.load(answer)["routes"])


def _has_leader(monitor: HeldPort) -> bool:
    """Whether a server's JetStream has found the others."""
    with urlopen(f"http://127.0.0.1:{monitor}/healthz?js-server-only=true") as answer:  # our own server
        return bool(json.load(answer)["status"] == "ok")
