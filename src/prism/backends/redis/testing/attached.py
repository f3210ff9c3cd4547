"""A Redis that already runs, for tests: others use it too, so that only what tests have stored is removed."""

import contextlib
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit


class AttachedServer:
    """The server that a URL names, `redis://user:password@host:port/number`; `rediss://` for TLS.

    Attributes:
        prefix: begins every key that tests store.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
            raise ValueError("the URL of a running Redis is redis://user:password@host:port/number")
        self._parts = parts
        self.prefix = f"prism-test-{secrets.token_hex(6)}"

    @property
    def address(self) -> str:
        """As a configuration names it."""
        return f"{self._parts.hostname}:{self._parts.port or 6379}"

    def config(self) -> Mapping[str, object]:
        """What else a configuration says of it."""
        number = self._parts.path.strip("/")
        return {"database": int(number or 0), "tls": self._parts.scheme == "rediss"}

    def credentials(self) -> Mapping[str, str]:
        """Of the account in the URL."""
        pairs = (("username", self._parts.username), ("password", self._parts.password))
        return {name: unquote(value) for name, value in pairs if value}

    def start(self) -> None:
        """Makes sure that it answers."""
        self.command("PING")

    def stop(self) -> None:
        """Leaves it running, without what tests have stored."""
        self.reset()

    def reset(self) -> None:
        """Removes what tests have stored."""
        from redis import Redis

        with contextlib.closing(Redis.from_url(self._url)) as client:
            for key in client.scan_iter(match=f"{self.prefix}*", count=1000):
                client.delete(key)

    def command(self, *words: str | bytes) -> Any:
        """Asks it something."""
        from redis import Redis

        with contextlib.closing(Redis.from_url(self._url)) as client:
            return client.execute_command(*words)  # type: ignore[no-untyped-call]  # of the driver
