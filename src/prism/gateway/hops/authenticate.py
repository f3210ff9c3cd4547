"""The hop authenticate: who calls. The methods are asked in order; the first whose credential comes decides."""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import time
from typing import Protocol

from prism.errors import Unauthenticated
from prism.gateway.call import Call, Incoming, SignedIncoming
from prism.principal import Principal

AUTHORIZATION = "authorization"
_BEARER = "bearer "
_NEVER = math.inf


class NotAccepted(Exception):
    """Why a credential is not accepted, for the operator; the caller does not learn it."""


class Method(Protocol):
    """One kind of authentication."""

    sought: str
    """The credential, in words for who sent none."""

    def identify(self, incoming: Incoming) -> Principal | Awaitable[Principal] | None:
        """Who calls, by this method's credential; None where the call carries none of this kind.

        Raises:
            NotAccepted: the credential is not good.
            PrismError: it cannot be decided at the moment.
        """
        ...

    def why_passed_over(self, incoming: Incoming) -> str:
        """Why a credential that came is none of this method's, for the operator; empty where it has nothing to say."""
        ...


class Authenticate:
    """The hop.

    Args:
        methods: in the order in which they are asked; one at least.
        signer: who calls by an address that this gateway has signed; None where that is not to be believed. It raises
            `NotAccepted`.
    """

    def __init__(
        self, methods: Sequence[Method], signer: Callable[[SignedIncoming], Principal | None] = lambda _: None
    ) -> None:
        self._methods = tuple(methods)
        self._signer = signer

    def __call__(self, call: Call) -> Awaitable[None] | None:
        """Sets `call.principal`.

        Raises:
            Unauthenticated: no credential is accepted; the cause says why.
            GatewayUnavailable: the issuer's signing keys are unavailable.
        """
        incoming = call.incoming
        try:
            if type(incoming) is SignedIncoming:
                call.principal = self._signed(incoming)
                return None
            for method in self._methods:
                found = method.identify(incoming)
                if isinstance(found, Principal):
                    call.principal = found if found.expires == _NEVER else _current(found)
                    return None
                if found is not None:
                    return self._wait(found, call)
        except NotAccepted as reason:
            raise _not_accepted() from reason
        raise self._unclaimed(incoming)

    def _signed(self, incoming: SignedIncoming) -> Principal:
        found = self._signer(incoming)
        if found is None:
            raise NotAccepted(
                f"{incoming.signer.name or 'a caller without a name'} signed an address, and no longer may"
            )
        return found

    async def _wait(self, found: Awaitable[Principal], call: Call) -> None:
        try:
            call.principal = _current(await found)
        except NotAccepted as reason:
            raise _not_accepted() from reason

    def _unclaimed(self, incoming: Incoming) -> Unauthenticated:
        if incoming.metadata.get(AUTHORIZATION) or incoming.metadata.get("x-api-key"):
            why = dict.fromkeys(filter(None, (method.why_passed_over(incoming) for method in self._methods)))
            refused = _not_accepted()
            refused.__cause__ = NotAccepted("; ".join(why) or "no configured method reads a credential from a header")
            return refused
        return Unauthenticated(f"authentication required: send {_either(each.sought for each in self._methods)}")


def bearer(header: object) -> str:
    """The token in the value of `authorization`; empty where there is none."""
    if isinstance(header, str) and header[: len(_BEARER)].lower() == _BEARER:
        return header[len(_BEARER) :].strip()
    return ""


def _current(principal: Principal) -> Principal:
    if principal.expires <= time():
        raise NotAccepted(f"the credential of {principal.name} has expired")
    return principal


def _not_accepted() -> Unauthenticated:
    # One text for every reason: which check failed would tell an attacker how far an attempt came.
    return Unauthenticated("the credentials were not accepted; get valid ones and send the call again")


def _either(sought: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(sought))
