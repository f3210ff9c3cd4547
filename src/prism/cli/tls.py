"""The options of a command for TLS: the CA to trust, and a client certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import ssl


def tls_options(prefix: str) -> Iterator[click.Option]:
    """The options; the names of their environment variables begin with the prefix."""
    ca = "Connect with TLS and trust the CA certificates in a PEM file, or `system` for those of the operating system."
    yield _file("--tls-ca", f"{prefix}_TLS_CA", ca)
    yield _file("--tls-cert", f"{prefix}_TLS_CERT", "File with the client certificate, in PEM.")
    yield _file("--tls-key", f"{prefix}_TLS_KEY", "File with the private key of the client certificate, in PEM.")


def _file(name: str, variable: str, help_: str) -> click.Option:
    return click.Option([name], envvar=variable, show_envvar=True, metavar="FILE", help=help_)


def tls_of(arguments: dict[str, Any]) -> "ssl.SSLContext | None":
    """The TLS context that the options ask for, which are taken out; None for plaintext.

    Raises:
        ValueError: the files are missing or do not fit together.
    """
    ca, cert, key = (arguments.pop(name) for name in ("tls_ca", "tls_cert", "tls_key"))
    if ca is None and cert is None and key is None:
        return None
    if (cert is None) != (key is None):
        raise ValueError("give --tls-cert and --tls-key together")
    from prism.wire import client_context

    try:
        return client_context(None if ca in (None, "system") else ca, cert, key)
    except OSError as error:
        named = ", ".join(filter(None, (ca, cert, key)))
        raise ValueError(f"cannot use {named} for TLS: {error.strerror or error}") from error
