"""Authentication by bearer token: a JWT that an OpenID Connect issuer has signed.

Source: RFC 7519, RFC 8725 (algorithms by allow-list, one per key, no `crit` that is not understood).
"""

import json
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt
from jwt import PyJWK

from prism.config.sections.authentication import Oidc
from prism.config.sections.root import MAX_HEADER_SIZE
from prism.errors import GatewayUnavailable
from prism.gateway.auth.jwks import Jwks
from prism.gateway.bounded_cache import BoundedCache
from prism.gateway.call import Incoming
from prism.gateway.hops.authenticate import AUTHORIZATION, NotAccepted, bearer
from prism.principal import OPERATION_CLASSES, Principal, Scope
from prism.reason import Reason

MAX_TOKEN = MAX_HEADER_SIZE
KEPT_CLAIM = 1024
"""Longer texts in claims are not groups, roles or names, and not kept."""
SHOWN_ISSUER = 200
RETRY_AFTER = 2.0


class OidcMethod:
    """The method `oidc`, for one issuer.

    Args:
        section: its configuration.
        accept: lets through who is not revoked.
        keys: the issuer's.
        cache_size: tokens that need not be verified again.
        withdrawn: called when tokens may count no more that did before, as a key is gone.
    """

    sought = "a bearer token"

    def __init__(
        self,
        section: Oidc,
        accept: Callable[[Principal], Principal],
        keys: Jwks,
        cache_size: int,
        withdrawn: Callable[[], None],
    ) -> None:
        self._section = section
        self._accept = accept
        self._keys = keys
        self._known: BoundedCache[object, Principal] = BoundedCache(cache_size)
        self._withdrawn = withdrawn
        keys.on_withdrawn = self._forget

    def identify(self, incoming: Incoming) -> Principal | Awaitable[Principal] | None:
        """The principal of the token; None where there is no token of this issuer."""
        sent = incoming.metadata.get(AUTHORIZATION)
        if sent is None:
            return None
        return self._known.get(sent) or self._checked(sent)

    def why_passed_over(self, incoming: Incoming) -> str:
        """It is not a token, or one of another issuer, which is told by the token's own word."""
        sent = incoming.metadata.get(AUTHORIZATION)
        if sent is None:
            return ""
        token = bearer(sent)
        if not token:
            return "authorization does not carry a bearer token"
        if len(token) > MAX_TOKEN:
            return f"the bearer token is longer than {MAX_TOKEN >> 10} KiB"
        claims = _peek(token)[1]
        if claims is None:
            return "the bearer token is not a signed JWT"
        issuer, expected = claims.get("iss"), self._section.issuer
        if not isinstance(issuer, str):
            return "the token does not say its issuer (iss)"
        same = issuer.rstrip("/") == expected.rstrip("/")
        hint = ": they differ in the slash at the end, so configure the issuer as the token has it" if same else ""
        return f"the token's issuer is {issuer[:SHOWN_ISSUER]!r}, not {expected!r}{hint}"

    def _forget(self) -> None:
        self._known.clear()
        self._withdrawn()

    def _checked(self, sent: object) -> Principal | Awaitable[Principal] | None:
        token = bearer(sent)
        header, claims = _peek(token)
        if claims is None or claims.get("iss") != self._section.issuer:
            return None
        algorithm, kid = self._signature(header)
        keys = self._keys
        key = keys.find(kid, algorithm) if keys.usable else None
        if key is not None:
            return self._verified(sent, token, key, algorithm)
        if keys.fetching or keys.ask():
            return self._after_a_fetch(sent, token, kid, algorithm)
        raise self._no_key(kid)

    async def _after_a_fetch(self, sent: object, token: str, kid: str | None, algorithm: str) -> Principal:
        """The rare slow path: the keys are not there yet, or the issuer has a new one."""
        await self._keys.attempted()
        key = self._keys.find(kid, algorithm) if self._keys.usable else None
        if key is None:
            raise self._no_key(kid)
        return self._verified(sent, token, key, algorithm)

    def _no_key(self, kid: str | None) -> Exception:
        if self._keys.usable and not self._keys.failing:
            return NotAccepted(f"the issuer has no key {str(kid)[:100]!r} for the token's signature")
        # The token may be good: the caller is to keep it and come again.
        return GatewayUnavailable(
            "the issuer's signing keys are unavailable; retry",
            reason=Reason.KEYS_UNAVAILABLE,
            retry_after=RETRY_AFTER,
        )

    def _signature(self, header: Mapping[str, Any]) -> tuple[str, str | None]:
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._section.algorithms:
            raise NotAccepted(f"the algorithm {str(algorithm)[:20]!r} is not allowed")
        if "crit" in header:
            raise NotAccepted("the token has critical headers, which are not supported")
        if kid is not None and not isinstance(kid, str):
            raise NotAccepted("the token's key id is not text")
        return algorithm, kid

    def _verified(self, sent: object, token: str, key: PyJWK, algorithm: str) -> Principal:
        section = self._section
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=section.issuer,
                audience=section.audiences,
                leeway=section.leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
            principal = self._principal(claims)
        except (jwt.PyJWTError, OverflowError) as error:  # a time may have any number of digits
            raise NotAccepted(f"{type(error).__name__}: {error}") from error
        self._known.keep(sent, self._accept(principal))
        return principal

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        section = self._section
        name = _texts(_at(claims, section.principal_claim))
        if len(name) != 1 or not name[0]:
            raise NotAccepted(f"the token's claim {section.principal_claim!r} is not a single name")
        scopes = None
        if section.namespaces_claim is not None:
            patterns = _texts(_at(claims, section.namespaces_claim))
            scopes = (Scope(frozenset(OPERATION_CLASSES), patterns),)
        kept = {key: _texts(value) for key, value in claims.items()}
        if isinstance(scope := claims.get("scope"), str):
            kept["scope"] = tuple(scope.split())  # RFC 8693 section 4.2
        groups = frozenset(_texts(_at(claims, section.groups_claim)))
        # BoundedCache as long as it would be accepted anew.
        expires = float(claims["exp"]) + section.leeway
        return Principal(name[0], "oidc", groups, kept, scopes=scopes, expires=expires)


def _peek(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
    """The header and the claims as they stand, nothing of them verified; no claims if it is not a JWT."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_TOKEN:
        return {}, None
    try:
        header, claims = (json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (NotBase64, ValueError, RecursionError):
        return {}, None
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else ({}, None)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that name, else the one that the path's steps lead to."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> tuple[str, ...]:
    """A claim as rules compare it: its texts, numbers and booleans."""
    if isinstance(value, list):
        return tuple(text for each in value if not isinstance(each, list) for text in _texts(each))
    if isinstance(value, bool):
        return ("true" if value else "false",)
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    return (text,) if 0 < len(text) <= KEPT_CLAIM else ()
