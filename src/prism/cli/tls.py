"""The options by which a command connects with TLS, and proves itself by a certificate."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import ssl


def tls_options(prefix: str) -> Iterator[click.Option]:
    """The options; the names of their environment variables begin with the prefix."""
    vouch = "Authorities that vouch for a gateway with TLS, PEM; `system` for the system's."
    yield _file("--tls-ca", f"{prefix}_TLS_CA", vouch)
    yield _file("--tls-cert", f"{prefix}_TLS_CERT", "A certificate to prove oneself with, PEM.")
    yield _file("--tls-key", f"{prefix}_TLS_KEY", "Its private key, PEM.")


def _file(name: str, variable: str, help_: str) -> click.Option:
    return click.Option([name], envvar=variable, show_envvar=True, metavar="FILE", help=help_)


def tls_of(arguments: dict[str, Any]) -> "ssl.SSLContext | None":
    """How to connect, by the options, which are taken out; None for clear text.

    Raises:
        ValueError: the files do not do for it.
    """
    ca, cert, key = (arguments.pop(name) for name in ("tls_ca", "tls_cert", "tls_key"))
    if ca is None and cert is None and key is None:
        return None
    if (cert is None) != (key is None):
        raise ValueError("--tls-cert and --tls-key belong together; give both")
    from prism.wire import client_context

    try:
        return client_context(None if ca in (None, "system") else ca, cert, key)
    except OSError as error:
        named = ", ".join(filter(None, (ca, cert, key)))
        raise ValueError(f"cannot connect by TLS with {named}: {error.strerror or error}") from error
