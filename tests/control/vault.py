"""A small Vault and a provider for it: whether the seam of secrets takes leases, renewal and revocation.

The server has the paths of HashiCorp Vault's HTTP API for dynamic credentials: `GET /v1/PATH`, and PUT of
`/v1/sys/leases/renew` and `/v1/sys/leases/revoke`.
"""

import asyncio
import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prism.config.secrets import SecretUnreadable

LEASE = 0.06  # seconds; Vault counts whole ones
RENEWALS = 2


class Vault:
    """The server's state.

    Attributes:
        issued: passwords by lease.
        renewed: how often each was renewed.
        revoked: leases that were given back.
        sealed: it answers nothing.
    """

    def __init__(self, on_issue: Callable[[str], None]) -> None:
        self.issued: dict[str, str] = {}
        self.renewed: dict[str, int] = {}
        self.revoked: list[str] = []
        self.sealed = False
        self.url = ""
        self._on_issue = on_issue

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if (method, path) == ("GET", "/v1/database/creds/app"):
            lease = f"database/creds/app/{len(self.issued) + 1}"
            self.issued[lease] = f"password-{len(self.issued) + 1}"
            self._on_issue(self.issued[lease])
            data = {"username": "app", "password": self.issued[lease]}
            return 200, {"lease_id": lease, "lease_duration": LEASE, "data": data}
        if (method, path) == ("PUT", "/v1/sys/leases/renew"):
            lease = body["lease_id"]
            if self.renewed.get(lease, 0) == RENEWALS:
                return 400, {"errors": ["lease has reached its max_ttl"]}
            self.renewed[lease] = self.renewed.get(lease, 0) + 1
            return 200, {"lease_id": lease, "lease_duration": LEASE}
        if (method, path) == ("PUT", "/v1/sys/leases/revoke"):
            self.revoked.append(body["lease_id"])
            return 204, {}
        return 404, {"errors": []}


@contextlib.contextmanager
def serving(vault: Vault) -> Iterator[Vault]:
    """The server for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
            status, answer = vault.answer(self.command, self.path, body)
            content = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_GET  # noqa: N815  # as above

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    vault.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield vault
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class VaultSecrets:
    """`{{ secret:database/creds/app#password }}` from Vault: a `SecretProvider`, and `Renewing`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._leases: dict[str, dict[str, Any]] = {}
        self._given: list[str] = []

    def get(self, name: str) -> str | None:
        path, _, field = name.partition("#")
        if not field:
            return None
        if path not in self._leases:
            lease = self._ask("GET", path)
            if lease is None:
                return None
            self._leases[path] = lease
            self._given.append(lease["lease_id"])
        return str(self._leases[path]["data"][field])

    def names(self) -> Iterable[str]:
        return ()

    def where(self, name: str) -> str:
        return f"Vault at {name}" if "#" in name else ""

    async def changed(self) -> None:
        """Renews every lease in time, until one cannot be: that one is forgotten, so that `get` takes another."""
        while True:
            await asyncio.sleep(LEASE / 3)
            for path, lease in tuple(self._leases.items()):
                try:
                    await asyncio.to_thread(self._ask, "PUT", "sys/leases/renew", lease_id=lease["lease_id"])
                except SecretUnreadable:
                    del self._leases[path]
                    return

    async def close(self) -> None:
        for lease in self._given:
            await asyncio.to_thread(self._ask, "PUT", "sys/leases/revoke", lease_id=lease)

    def _ask(self, method: str, path: str, **body: str) -> dict[str, Any] | None:
        request = urllib.request.Request(f"{self._url}/v1/{path}", json.dumps(body).encode(), method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise SecretUnreadable(f"Vault answers {error.code}: {error.read().decode()}") from error
        found: dict[str, Any] = json.loads(content or b"{}")
        return found
