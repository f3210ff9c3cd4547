"""TLS contexts with what gRPC needs: TLS 1.2 at least, and HTTP/2 agreed upon by ALPN (RFC 9113 section 9.2)."""

import errno
import os
import ssl

Path = str | os.PathLike[str]


def server_context(
    cert: Path,
    key: Path,
    client_ca: Path | None = None,
    *,
    optional: bool = False,
    crl: Path | None = None,
    minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
) -> ssl.SSLContext:
    """A context for `Server.listen`, from PEM files; with `client_ca`, clients must present a certificate of it.

    With `optional` they may do without one, but not present another's. `crl` holds the revocation lists of the
    authorities; certificates of an authority without a list are refused then.

    Raises `OSError` where a file cannot be read, `ssl.SSLError` where it is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = minimum
    context.load_cert_chain(cert, key, _no_password)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
    if crl is not None:
        context.load_verify_locations(crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def client_context(ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """A context for `Channel`: verifies the server by `ca` (None: the system's), and may present a certificate.

    Raises `OSError` and `ssl.SSLError` as `server_context` does.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    if cert is not None:
        context.load_cert_chain(cert, key, _no_password)
    return context


def _no_password() -> str:
    """Else OpenSSL would ask the terminal, and everything would wait for it."""
    raise OSError(errno.EINVAL, "the private key is encrypted; give one without a passphrase")
