"""NATS's errors as those of the tree."""

import ssl
from typing import Final

from nats import errors

from prism.errors import BackendCredentials, BackendUnavailable, InvalidArgument, Outcome, PrismError, Violation
from prism.sdk.driver_errors import LATER

PERMISSIONS: Final = "permissions violation"
_SILENCE = ("empty response", "json parse error")
"""What a server that is not one of NATS's says; the driver gives everything a server says itself the same class."""
_LOGIN = ("authorization violation", "authentication", "authorization error")


def translate(error: BaseException, outcome: Outcome | None = None) -> PrismError:
    """The error to raise instead of `error`, `from` which it is raised; `outcome` where the call writes."""
    if isinstance(error, PrismError):
        return error
    text = str(error).removeprefix("nats: ").strip("'") or type(error).__name__
    if isinstance(error, errors.AuthorizationError) or any(each in text.lower() for each in _LOGIN):
        return BackendCredentials(
            f"NATS refuses the gateway's credentials: correct them ({text})", outcome=outcome, retry_after=LATER
        )
    if isinstance(error, errors.SecureConnWantedError):
        return BackendUnavailable(
            "the NATS server offers no TLS, so no credentials were sent: turn TLS on there, or configure nats://",
            outcome=outcome,
            retry_after=LATER,
        )
    if isinstance(error, ssl.SSLError):
        return BackendUnavailable(
            f"TLS with NATS failed: correct ca, certificate, key and tls_server_name ({text})",
            outcome=outcome,
            retry_after=LATER,
        )
    if type(error) is errors.Error and not any(each in text.lower() for each in _SILENCE):
        return BackendUnavailable(
            f"NATS refuses the connection: correct what it says ({text})", outcome=outcome, retry_after=LATER
        )
    return BackendUnavailable(
        f"NATS does not answer: check that it runs and can be reached ({text})", outcome=outcome, retry_after=LATER
    )


def not_allowed(what: str, outcome: Outcome | None = None) -> BackendCredentials:
    """The gateway's user lacks a permission: `what` is refused."""
    return BackendCredentials(f"the gateway's NATS user lacks the permission to {what}: grant it", outcome=outcome)


def too_large(size: int, max_payload: int) -> InvalidArgument:
    """A message is over the server's own limit."""
    violation = Violation(
        "payload",
        f"{size} bytes with its attributes",
        f"this NATS server takes at most {max_payload} (its max_payload)",
    )
    return InvalidArgument(str(violation), violations=[violation], outcome=Outcome.NOT_APPLIED)
