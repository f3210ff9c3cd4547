"""Authentication by the certificate that the caller proved in the TLS handshake.

Source: RFC 5280 section 4.2.1.6; SPIFFE X.509-SVID section 2 (exactly one URI, which is the identity).
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any

from prism.config.sections.authentication import Mtls
from prism.gateway.bounded_cache import BoundedCache
from prism.gateway.call import Incoming
from prism.gateway.hops.authenticate import NotAccepted
from prism.principal import Principal
from prism.wire import Certificate

_SUBJECT = {
    "commonName": "common_name",
    "countryName": "country",
    "localityName": "locality",
    "organizationName": "organization",
    "organizationalUnitName": "organizational_unit",
    "stateOrProvinceName": "state",
}
_ALTERNATIVES = {"DNS": "dns", "URI": "uri", "email": "email"}


class MtlsMethod:
    """The method `mtls`.

    Args:
        section: its configuration.
        accept: lets through who is not revoked.
        cache_size: certificates that need not be read again.
    """

    sought = "a client certificate in the TLS handshake"

    def __init__(self, section: Mtls, accept: Callable[[Principal], Principal], cache_size: int) -> None:
        self._identity = section.identity
        self._accept = accept
        self._known: BoundedCache[bytes, Principal] = BoundedCache(cache_size)

    def identify(self, incoming: Incoming) -> Principal | None:
        """The principal of the certificate; None where there is no certificate."""
        certificate = incoming.peer.certificate
        if certificate is None:
            return None
        return self._known.get(certificate.der) or self._read(certificate)

    def why_passed_over(self, incoming: Incoming) -> str:  # noqa: ARG002  # the protocol's
        """Nothing: a header is none of its business."""
        return ""

    def _read(self, certificate: Certificate) -> Principal:
        fields = read_fields(certificate.fields)
        name = next(filter(None, (_name(source, fields) for source in self._identity)), "")
        if not name:
            raise NotAccepted(f"the certificate has no {', no '.join(self._identity)}")
        # The handshake has checked the dates once; a connection may outlive them.
        expires = float(ssl.cert_time_to_seconds(certificate.fields["notAfter"]))
        principal = self._accept(Principal(name, "mtls", certificate=fields, expires=expires))
        self._known.keep(certificate.der, principal)
        return principal


def read_fields(fields: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    """The fields of a certificate by the names that rules use, from those of `ssl.SSLSocket.getpeercert()`."""
    found: dict[str, tuple[str, ...]] = {}
    for part in fields.get("subject", ()):
        for key, value in part:
            if name := _SUBJECT.get(key):
                found[name] = (*found.get(name, ()), value)
    for kind, value in fields.get("subjectAltName", ()):
        if name := _ALTERNATIVES.get(kind):
            found[name] = (*found.get(name, ()), value)
    issuer = tuple(value for part in fields.get("issuer", ()) for key, value in part if key == "commonName")
    return found | {"issuer_common_name": issuer, "serial_number": (str(fields.get("serialNumber", "")),)}


def _name(source: str, fields: Mapping[str, tuple[str, ...]]) -> str:
    match source:
        case "spiffe":
            spiffe = [uri for uri in fields.get("uri", ()) if uri.startswith("spiffe://")]
            # Two would let the same certificate be two callers, to two readers.
            return spiffe[0] if len(spiffe) == 1 and len(fields["uri"]) == 1 else ""
        case "dns":
            return next(iter(fields.get("dns", ())), "")
    return next(iter(fields.get("common_name", ())), "")
