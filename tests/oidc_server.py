"""A stock OpenID Connect server as a process of its own."""

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

SCRIPT = Path(__file__).with_suffix(".js")


class OidcServer:
    """The server.

    Attributes:
        url: the issuer; the same after it was stopped and started again.
    """

    def __init__(self, modules: Path) -> None:
        self._port = HeldPort()
        self.url = f"http://127.0.0.1:{self._port}"
        self._modules = modules
        self._process = ServerProcess("oidc")

    def start(self, kid: str = "first", algorithm: str = "RS256") -> "OidcServer":
        """Serves, with one new key."""
        command = ["node", str(SCRIPT), str(self._modules), str(self._port)]
        self._process.launch(command, listens_to_us=True)
        try:
            self.key(kid, algorithm)
            assert self._tell(action="start") == self.url
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Is gone; its keys too."""
        self._process.remove()

    def key(self, kid: str, algorithm: str) -> None:
        """Adds a key to its set."""
        assert self._tell(action="key", kid=kid, algorithm=algorithm) == kid

    def token(self, **claims: Any) -> str:
        """A token as a client gets one, by the grant client_credentials; the keys take turns in signing."""
        self._tell(action="claims", set=claims)
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "x"}).encode()
        with urllib.request.urlopen(f"{self.url}/token", form, timeout=10) as answer:
            return str(json.load(answer)["access_token"])

    def _tell(self, **request: Any) -> Any:
        process, since = self._process, self._process.said
        process.tell(json.dumps(request))
        answer = json.loads(process.wait_for(r"^\{", since=since))
        assert "ok" in answer, answer
        return answer["ok"]
