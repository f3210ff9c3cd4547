"""An issuer of tokens for tests: its keys, its tokens (good and forged), and a real HTTP server for its key set."""

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from prism.acceptance.store.held_port import HeldPort

AUDIENCE = "prism"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def rsa_key() -> rsa.RSAPrivateKey:
    """A new key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(kid: str, key: PrivateKey) -> dict[str, Any]:
    """The key as a key set lists it."""
    own = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    described: dict[str, Any] = own.to_jwk(key.public_key(), as_dict=True)  # type: ignore[arg-type]
    return described | {"kid": kid, "use": "sig"}


class Issuer:
    """One issuer.

    Attributes:
        url: as it stands in its tokens; known once it serves.
        keys: private keys by id, the last one signs.
        asked: how often the key set was fetched.
    """

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {"first": rsa_key()}
        self.asked = 0
        self.url = ""
        self._port = HeldPort()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> "Issuer":
        """Serves; after `stop`, at the same address again."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                document: Mapping[str, Any] = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks"}
                if self.path == "/jwks":
                    issuer.asked += 1
                    document = {"keys": [public_jwk(kid, key) for kid, key in issuer.keys.items()]}
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port.number), Handler)
        self.url = f"http://127.0.0.1:{self._port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Is down."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says, changed; None takes a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, kid: str | None = None, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A token, signed by the last key or the one named."""
        kid = kid or [*self.keys][-1]
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(self.claims(**changes), key, algorithm, {"kid": kid, **(headers or {})})


def unsigned(claims: Mapping[str, Any], algorithm: str = "none", signature: str = "", kid: Any = "first") -> str:
    """A token that nobody has signed."""
    parts = ({"alg": algorithm, "typ": "JWT", "kid": kid}, claims)
    return ".".join(
        [*(urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in parts), signature]
    )
