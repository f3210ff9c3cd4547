"""The configuration's section `authentication`: how callers prove who they are.

Source: RFC 8725 (JSON Web Token best practices), RFC 9068, OpenID Connect Discovery 1.0, SPIFFE X.509-SVID.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, Discriminator, Field

from prism.config.sections.authorization import NamespacePatterns, OperationClass
from prism.config.sections.section import Section, refuse
from prism.config.yaml.problem import nearest

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key only: with a shared one, every party that can check a token can forge one."""

KEY_PREFIX = "prism_"
"""What API keys begin with, so that they differ from other bearer tokens, and found where they leak."""

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url
    close = f"https{url.removeprefix('http')}" if parts.scheme == "http" and parts.hostname else ""
    raise refuse("keys must come over TLS", allowed="an https:// URL; http:// on this machine only", close=close)


def _algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        message = "not a signature with a public key" if name.startswith("HS") else "not a known signature"
        raise refuse(message, allowed=", ".join(ALGORITHMS), close=nearest(name, ALGORITHMS))
    return name


def _hash(digest: str) -> str:
    if not _HASH.fullmatch(digest):
        allowed = "sha256: and 64 hexadecimal digits; `prism policy key` makes a key and its hash"
        raise refuse("not the hash of a key", allowed=allowed)
    return digest


Url = Annotated[str, AfterValidator(_url)]
Algorithm = Annotated[str, AfterValidator(_algorithm)]
KeyHash = Annotated[str, AfterValidator(_hash)]


class Mtls(Section):
    """Callers prove themselves with a certificate of `gateway.tls.client_ca`.

    Attributes:
        type: `mtls`.
        identity: where the name is taken from, the first that the certificate has: its SPIFFE id, its DNS name, its
            common name.
    """

    type: Literal["mtls"]
    identity: Annotated[tuple[Literal["spiffe", "dns", "cn"], ...], Field(min_length=1)] = ("spiffe", "dns", "cn")


class Oidc(Section):
    """Callers send a bearer token, a JWT signed by an issuer. More than one issuer is more than one method.

    Attributes:
        type: `oidc`.
        issuer: as it stands in the tokens; its keys are found by its discovery document.
        audiences: a token must be meant for one of them.
        algorithms: signatures that are accepted.
        jwks_url: where the issuer's keys are, in place of discovery.
        ca: authorities that vouch for the issuer's server, PEM, in place of the system's.
        principal_claim: the claim that names the caller.
        groups_claim: the claim that lists its groups; `realm_access.roles` is a claim within a claim.
        namespaces_claim: a claim with patterns of namespaces that the token is confined to, whatever the rules allow.
        leeway: seconds by which clocks may differ.
        refresh: seconds after which keys are fetched again, in the background.
        outage_tolerance: seconds that fetched keys are still used while the issuer cannot be reached.
        fetch_timeout: seconds that a fetch may take.
    """

    type: Literal["oidc"]
    issuer: Url
    audiences: Annotated[tuple[str, ...], Field(min_length=1)]
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    jwks_url: Url | None = None
    ca: Path | None = None
    principal_claim: str = Field(default="sub", min_length=1)
    groups_claim: str = Field(default="groups", min_length=1)
    namespaces_claim: str | None = Field(default=None, min_length=1)
    leeway: float = Field(default=30.0, ge=0, le=300)
    refresh: float = Field(default=300.0, ge=1, le=86400)
    outage_tolerance: float = Field(default=86400.0, ge=0, le=30 * 86400)
    fetch_timeout: float = Field(default=5.0, gt=0, le=60)


class ApiKey(Section):
    """One key; `prism policy key` makes one.

    Attributes:
        name: who calls with it.
        hash: of the key; the key itself is nowhere.
        groups: that its bearer belongs to.
        operations: classes that it is confined to, whatever the rules allow.
        namespaces: patterns that it is confined to, whatever the rules allow.
        expires: such as `2030-01-31T00:00:00Z`; it is refused from then on.
    """

    name: str = Field(min_length=1, max_length=256)
    hash: KeyHash
    groups: tuple[str, ...] = ()
    operations: Annotated[tuple[OperationClass, ...], Field(min_length=1)] | None = None
    namespaces: NamespacePatterns | None = None
    expires: AwareDatetime | None = None


class ApiKeys(Section):
    """Callers send a key, as a bearer token or in `x-api-key`.

    Attributes:
        type: `api_keys`.
        keys: the keys that are accepted.
    """

    type: Literal["api_keys"]
    keys: Annotated[tuple[ApiKey, ...], Field(min_length=1)]


class Unix(Section):
    """Callers on a unix socket are the users that the kernel says they are.

    Attributes:
        type: `unix`.
        users: name by user id; others are not accepted.
    """

    type: Literal["unix"]
    users: Annotated[dict[int, str], Field(min_length=1)]


Method = Annotated[Mtls | Oidc | ApiKeys | Unix, Discriminator("type")]


class AuthenticationSection(Section):
    """Who calls.

    Attributes:
        methods: `mtls`, `oidc`, `api_keys`, `unix`; they are tried in this order, and the first whose credential a
            call carries decides.
        revoked: names of callers, and token ids (`jti`), that are refused whatever they prove.
        remembered: tokens that are kept so as not to be verified again; the oldest goes first.
        insecure: authentication is disabled, on any address; `authentication: none` says the same.
    """

    methods: tuple[Method, ...] = ()
    revoked: tuple[str, ...] = ()
    remembered: int = Field(default=10_000, ge=1, le=1_000_000)
    insecure: bool = False


def insecure_in_a_word(value: Any) -> Any:
    """`authentication: none` for those who mean it."""
    if isinstance(value, str) and value != "none":
        raise refuse("this value is not allowed", allowed="a mapping with methods; none, to disable authentication")
    return {"insecure": True} if value == "none" else value
