"""Handshakes of TLS that fail on one port: counted by cause, logged and recorded in the audit trail, however many come.

The connection is not there yet when its handshake fails, so what sees it is the context's own kind of `SSLObject`
(`ssl.SSLContext.sslobject_class`), which knows why and not from where.
"""

import logging
import ssl
from collections import Counter
from enum import StrEnum
from time import monotonic

from prism.gateway.limits.bucket import Bucket
from prism.telemetry.audit import audit

TOLD_BURST, TOLD_PAUSE = 5, 10.0
"""Failures of one kind that are logged: some at once, and then one in ten seconds; all are counted."""

log = logging.getLogger(__name__)


class Cause(StrEnum):
    """Why a handshake failed, in words for the metrics; nothing in it is the other side's to choose."""

    NO_CERTIFICATE = "no_certificate"
    UNKNOWN_AUTHORITY = "unknown_authority"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    REVOKED = "revoked"
    NO_REVOCATION_LIST = "no_revocation_list"
    BAD_CERTIFICATE = "bad_certificate"
    TLS_VERSION = "tls_version"
    NO_COMMON_CIPHER = "no_common_cipher"
    NOT_TLS = "not_tls"
    REFUSED_BY_CLIENT = "refused_by_client"
    OTHER = "other"


_MEANINGS = {
    Cause.NO_CERTIFICATE: "the client sent no certificate, and one is required",
    Cause.UNKNOWN_AUTHORITY: "the client's certificate was not issued by an authority in client_ca",
    Cause.EXPIRED: "the client's certificate, or its authority's, has expired",
    Cause.NOT_YET_VALID: "the client's certificate, or its authority's, is not valid yet; compare the clocks",
    Cause.REVOKED: "the client's certificate is revoked by client_crl",
    Cause.NO_REVOCATION_LIST: "client_crl has no current list of the authority of the client's certificate",
    Cause.BAD_CERTIFICATE: "the client's certificate is not valid for a client",
    Cause.TLS_VERSION: "the client and this port have no TLS version in common; see min_version",
    Cause.NO_COMMON_CIPHER: "the client and this port have no cipher in common",
    Cause.NOT_TLS: "the client did not speak TLS; use TLS on this port",
    Cause.REFUSED_BY_CLIENT: "the client refused, most often because it does not trust this port's certificate",
    Cause.OTHER: "the handshake failed for another reason",
}
# By X509_V_ERR_ of OpenSSL's x509_vfy.h.
_VERIFIED = {
    2: Cause.UNKNOWN_AUTHORITY,
    18: Cause.UNKNOWN_AUTHORITY,
    19: Cause.UNKNOWN_AUTHORITY,
    20: Cause.UNKNOWN_AUTHORITY,
    21: Cause.UNKNOWN_AUTHORITY,
    7: Cause.UNKNOWN_AUTHORITY,
    9: Cause.NOT_YET_VALID,
    10: Cause.EXPIRED,
    3: Cause.NO_REVOCATION_LIST,
    12: Cause.NO_REVOCATION_LIST,
    23: Cause.REVOKED,
}
# By the reasons of OpenSSL's sslerr.h.
_REASONS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Cause.NO_CERTIFICATE,
    "UNSUPPORTED_PROTOCOL": Cause.TLS_VERSION,
    "NO_PROTOCOLS_AVAILABLE": Cause.TLS_VERSION,
    "VERSION_TOO_LOW": Cause.TLS_VERSION,
    "NO_SHARED_CIPHER": Cause.NO_COMMON_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Cause.NO_COMMON_CIPHER,
    "WRONG_VERSION_NUMBER": Cause.NOT_TLS,
    "HTTP_REQUEST": Cause.NOT_TLS,
    "HTTPS_PROXY_REQUEST": Cause.NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": Cause.NOT_TLS,
    "RECORD_LAYER_FAILURE": Cause.NOT_TLS,
}


def failure_of(error: ssl.SSLError) -> Cause:
    """What OpenSSL's error means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFIED.get(error.verify_code, Cause.BAD_CERTIFICATE)
    reason = error.reason or ""
    if "_ALERT_" in reason:
        return Cause.REFUSED_BY_CLIENT
    return _REASONS.get(reason, Cause.OTHER)


class HandshakeFailures:
    """Those that failed on one port.

    Attributes:
        counts: how many, by why.

    Args:
        option: where the port's section stands in the configuration.
    """

    def __init__(self, option: str) -> None:
        self.counts: Counter[Cause] = Counter(dict.fromkeys(Cause, 0))
        self._option = option
        self._buckets = {each: Bucket() for each in Cause}
        self._told: Counter[Cause] = Counter()
        failed = self._failed

        class Watched(ssl.SSLObject):
            """Reports how its handshake failed; made by the context, which passes it nothing."""

            def do_handshake(self) -> None:
                try:
                    super().do_handshake()
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    raise  # it goes on when the other side has said more
                except ssl.SSLError as error:
                    failed(failure_of(error))
                    raise

        self._kind = Watched

    def watch(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The context, whose handshakes are watched from now on."""
        context.sslobject_class = self._kind
        return context

    def _failed(self, why: Cause) -> None:
        self.counts[why] += 1
        if self._buckets[why].take(monotonic(), TOLD_PAUSE, TOLD_BURST * TOLD_PAUSE):
            return
        untold = self.counts[why] - self._told[why] - 1
        self._told[why] = self.counts[why]
        more = f"; {untold} more since the last line like this one" if untold else ""
        log.warning(
            "port secured by %s: a TLS handshake failed and the connection was closed: %s%s",
            self._option,
            _MEANINGS[why],
            more,
        )
        detail = {"section": self._option, "message": _MEANINGS[why], "untold": untold}
        audit.record("denial", "tls.handshake", outcome="UNAUTHENTICATED", reason=why.upper(), detail=detail)
