"""The method of presigned addresses: who signed one calls by it, whatever else the request carries."""

import math
from collections.abc import Callable
from time import time

from prism.config.sections.authentication import ApiKeys, AuthenticationSection, Unix
from prism.gateway.call import SignedIncoming
from prism.principal import Principal


class Signers:
    """Admits signers whose kind of credential still counts here; of keys and users of this gateway those that it has.

    Args:
        section: the methods that are configured.
        accept: refuses who is revoked; raises `NotAccepted`.
    """

    def __init__(self, section: AuthenticationSection, accept: Callable[[Principal], Principal]) -> None:
        self._accept = accept
        self._issuers: set[str] = set()
        self._expiry: dict[str, float] = {}
        self._users: set[str] = set()
        for method in section.methods:
            match method:
                case ApiKeys():
                    for key in method.keys:
                        until = math.inf if key.expires is None else key.expires.timestamp()
                        self._expiry[key.name] = max(until, self._expiry.get(key.name, 0.0))
                case Unix():
                    self._users.update(method.users.values())
                case _:
                    self._issuers.add(method.type)

    def identify(self, incoming: SignedIncoming) -> Principal | None:
        """Who signed; None where a signer of that kind is not known any more. Raises `NotAccepted`."""
        signer = incoming.signer
        known = (
            signer.method in self._issuers
            or (signer.method == "api_key" and self._expiry.get(signer.name, 0.0) > time())
            or (signer.method == "unix" and signer.name in self._users)
        )
        return self._accept(signer) if known else None
