"""What the sections of a configuration must not say together: open to the network without authentication, rules
without authentication, TLS files that do not match.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from prism.config.sections.authentication import ApiKeys, AuthenticationSection, Mtls, Oidc
from prism.config.sections.root import Config, TlsSection, is_loopback
from prism.config.yaml.problem import Loc
from prism.wire import server_context

OPEN = "this address is exposed to the network without authentication"
CLOSE = "a loopback address; authentication with a method; authentication: none, to allow every caller"
ADMIN_OPEN = (
    "the admin port is exposed to the network without TLS and authentication: every caller could stop every namespace"
)
ADMIN_CLOSE = (
    "a loopback address such as 127.0.0.1:8981 or unix:/path (from another machine: ssh -L 8981:127.0.0.1:8981); any "
    "address with admin.tls and authentication with a method"
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One thing that is wrong.

    Attributes:
        loc: where.
        message: what.
        found: what was there; may be empty.
        allowed: what may be there; may be empty.
    """

    loc: Loc
    message: str
    found: str = ""
    allowed: str = ""


def contradictions(config: Config) -> Iterator[Contradiction]:
    """Everything that is wrong with the sections together."""
    for address in filter(lambda each: is_open(config, each), config.gateway.listen):
        yield Contradiction(("gateway", "listen"), OPEN, repr(address), CLOSE)
    if not is_loopback(config.admin.listen) and not (asks(config) and config.admin.tls is not None):
        yield Contradiction(("admin", "listen"), ADMIN_OPEN, repr(config.admin.listen), ADMIN_CLOSE)
    sections = {"gateway": config.gateway.tls, "admin": config.admin.tls}
    for name, section in sections.items():
        if section is not None:
            yield from tls_contradictions(section, (name, "tls"))
    if config.authentication is not None:
        authorities = any(section is not None and section.client_ca is not None for section in sections.values())
        yield from _authentication(config.authentication, authorities=authorities)
    if config.authorization is not None and not asks(config):
        message = "authorization rules are set but no authentication method is; add one to authentication.methods"
        yield Contradiction(("authorization",), message)


def is_open(config: Config, address: str) -> bool:
    """Whether any caller could call at that address, though `authentication: none` does not say so."""
    return config.authentication is None and not is_loopback(address)


def asks(config: Config) -> bool:
    """Whether callers must authenticate."""
    return config.authentication is not None and bool(config.authentication.methods)


def tls_context(section: TlsSection) -> ssl.SSLContext:
    """The context of a port.

    Raises:
        OSError: a file cannot be read, or is not what it should be (`ssl.SSLError`).
    """
    minimum = ssl.TLSVersion.TLSv1_3 if section.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
    optional = section.client_certificates == "optional"
    return server_context(
        section.cert, section.key, section.client_ca, optional=optional, crl=section.client_crl, minimum=minimum
    )


def tls_contradictions(section: TlsSection, loc: Loc) -> Iterator[Contradiction]:
    """Everything that is wrong with the files of a section, which stands at `loc`."""
    missing = False
    for name in ("cert", "key", "client_ca", "client_crl"):
        path = getattr(section, name)
        if path is not None and not path.is_file():
            missing = True
            yield Contradiction((*loc, name), "there is no such file", repr(str(path)))
    if section.client_crl is not None and section.client_ca is None:
        yield Contradiction(
            (*loc, "client_crl"), "client_crl revokes certificates of client_ca, and client_ca is not set"
        )
    if missing:
        return
    try:
        tls_context(section)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        said = str(reason).lower().replace("_", " ")
        advice = (
            "use the key of this certificate"
            if "mismatch" in said
            else "both must be PEM, and the key without a password"
        )
        yield Contradiction(loc, f"these files are not a valid certificate and key ({said}); {advice}")


def _authentication(section: AuthenticationSection, *, authorities: bool) -> Iterator[Contradiction]:
    here: Loc = ("authentication",)
    if section.insecure == bool(section.methods):
        if section.insecure:
            yield Contradiction(
                (*here, "insecure"), "authentication is disabled here and methods are set; keep one of the two"
            )
        else:
            yield Contradiction(
                (*here, "methods"), "no authentication method is set", allowed="mtls, oidc, api_keys, unix"
            )
    hashes: dict[str, str] = {}
    for index, method in enumerate(section.methods):
        loc: Loc = (*here, "methods", index)
        if isinstance(method, Mtls) and not authorities:
            yield Contradiction((*loc, "type"), "callers cannot present certificates; add client_ca to gateway.tls")
        if isinstance(method, Oidc):
            yield from _oidc(method, loc)
        for number, key in enumerate(method.keys if isinstance(method, ApiKeys) else ()):
            if (first := hashes.setdefault(key.hash, key.name)) != key.name:
                yield Contradiction(
                    (*loc, "keys", number, "hash"), f"this key is already used by {first!r}; create another one"
                )


def _oidc(method: Oidc, loc: Loc) -> Iterator[Contradiction]:
    if find_spec("jwt") is None or find_spec("cryptography") is None:
        yield Contradiction((*loc, "type"), "OIDC needs PyJWT; install it: pip install 'prism-gateway[oidc]'")
    if method.ca is not None:
        try:
            ssl.create_default_context(cafile=method.ca)
        except OSError:
            yield Contradiction(
                (*loc, "ca"), "this file is not a valid list of CA certificates in PEM", repr(str(method.ca))
            )
