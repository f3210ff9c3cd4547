"""TLS from a plugin to its store, from files that a configuration names; errors name the file and its field."""

import errno
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prism.errors import FailedPrecondition


def client_context(ca: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    """A context that trusts the authorities in `ca` (None: those of this machine) and checks host names.

    Args:
        ca: certificates in PEM form.
        certificate: our own, where the store asks for one; with `key`.
        key: of that certificate.

    Raises:
        FailedPrecondition: a file is missing, or is not of its kind; its field in the configuration is named.
    """
    for field, path in (("ca", ca), ("certificate", certificate), ("key", key)):
        if path is not None and not path.is_file():
            raise FailedPrecondition(f"{field}: the file {path} does not exist; correct the namespace's configuration")
    with _naming("ca", f"{ca}"):
        context = ssl.create_default_context(cafile=ca)
    if certificate is not None:
        with _naming("certificate and key", f"{certificate} and {key}"):
            context.load_cert_chain(certificate, key, _no_password)
    return context


def _no_password() -> str:
    """Else OpenSSL would ask the terminal, and every call would wait for it."""
    raise OSError(errno.EINVAL, "the private key is encrypted; give one without a passphrase")


@contextmanager
def _naming(field: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FailedPrecondition(
            f"{field}: cannot use {path} ({error.strerror or error}); give a file in PEM form"
        ) from error
