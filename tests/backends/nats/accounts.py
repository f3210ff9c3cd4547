"""Accounts as NATS has them since JWTs: an operator signs accounts, an account signs users, a user shows its own JWT.

Source: nats.io's documentation, "Decentralized JWT Authentication/Authorization", and the claims of its library jwt v2.
"""

import base64
import json
import secrets
import time
from typing import Any

import nkeys

_NO_LIMIT = -1


class Accounts:
    """An operator and one account of it."""

    def __init__(self) -> None:
        self._operator = _key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = _key(nkeys.PREFIX_BYTE_ACCOUNT)

    @property
    def settings(self) -> str:
        """What a server's configuration says of them."""
        operator = _signed(self._operator, self._operator, {"type": "operator", "version": 2})
        limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), _NO_LIMIT)
        claims = {"type": "account", "version": 2, "limits": {**limits, "wildcards": True}}
        account = _signed(self._operator, self._account, claims)
        return f"""
            operator: "{operator}"
            resolver: MEMORY
            resolver_preload: {{ {_public(self._account)}: "{account}" }}"""

    def creds(self, *, lives: float = 3600.0) -> str:
        """The content of a new user's `.creds` file.

        Args:
            lives: seconds until it expires; negative where it has.
        """
        user = _key(nkeys.PREFIX_BYTE_USER)
        limits = dict.fromkeys(("subs", "data", "payload"), _NO_LIMIT)
        claims = {"type": "user", "version": 2, "pub": {}, "sub": {}, **limits}
        jwt = _signed(self._account, user, claims, expires=int(time.time() + lives))
        return (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{user.seed.decode()}\n------END USER NKEY SEED------\n"
        )


def _key(prefix: int) -> nkeys.KeyPair:
    return nkeys.from_seed(bytearray(nkeys.encode_seed(secrets.token_bytes(32), prefix)))


def _public(key: nkeys.KeyPair) -> str:
    text: str = key.public_key.decode()
    return text


def _signed(issuer: nkeys.KeyPair, subject: nkeys.KeyPair, claims: dict[str, Any], expires: int = 0) -> str:
    body = {
        "jti": secrets.token_hex(16),
        "iat": int(time.time()) - 10,
        "iss": _public(issuer),
        "name": "prism",
        "sub": _public(subject),
        "nats": claims,
        **({"exp": expires} if expires else {}),
    }
    signed = f"{_part({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_part(body)}"
    return f"{signed}.{_unpadded(issuer.sign(signed.encode()))}"


def _part(content: dict[str, Any]) -> str:
    return _unpadded(json.dumps(content).encode())


def _unpadded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
