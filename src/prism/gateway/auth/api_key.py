"""Authentication by API key. Only hashes are known here: keys are random and long, so that one round of SHA-256 is
enough, and the time of a lookup reveals nothing about other hashes.
"""

import hashlib
import math
from collections.abc import Callable

from prism.config.sections.authentication import KEY_PREFIX, ApiKey, ApiKeys
from prism.gateway.bounded_cache import BoundedCache
from prism.gateway.call import Incoming
from prism.gateway.hops.authenticate import AUTHORIZATION, NotAccepted, bearer
from prism.principal import OPERATION_CLASSES, Principal, Scope

HEADER = "x-api-key"


class ApiKeyMethod:
    """The method `api_keys`.

    Args:
        section: its configuration.
        accept: lets through who is not revoked.
        cache_size: keys that need not be hashed again.
    """

    sought = "an API key as a bearer token"

    def __init__(self, section: ApiKeys, accept: Callable[[Principal], Principal], cache_size: int) -> None:
        self._accept = accept
        self._by_hash = {key.hash: principal_of(key) for key in section.keys}
        self._known: BoundedCache[object, Principal] = BoundedCache(cache_size)

    def identify(self, incoming: Incoming) -> Principal | None:
        """Whose key it is; None where the call carries none."""
        metadata = incoming.metadata
        sent = metadata.get(HEADER) or metadata.get(AUTHORIZATION)
        if sent is None:
            return None
        return self._known.get(sent) or self._looked_up(sent, str(metadata.get(HEADER) or bearer(sent)))

    def why_passed_over(self, incoming: Incoming) -> str:
        """There is a key in neither header."""
        where = HEADER if incoming.metadata.get(HEADER) else AUTHORIZATION
        return f"what {where} carries is not an API key of Prism ({KEY_PREFIX}...)"

    def _looked_up(self, sent: object, key: str) -> Principal | None:
        if not key.startswith(KEY_PREFIX):
            return None
        principal = self._by_hash.get(f"sha256:{hashlib.sha256(key.encode()).hexdigest()}")
        if principal is None:
            raise NotAccepted("unknown API key")
        self._known.keep(sent, self._accept(principal))
        return principal


def principal_of(key: ApiKey) -> Principal:
    """The principal of a key."""
    scopes = None
    if key.operations is not None or key.namespaces is not None:
        scopes = (Scope(frozenset(key.operations or OPERATION_CLASSES), tuple(key.namespaces or ("*",))),)
    expires = math.inf if key.expires is None else key.expires.timestamp()
    return Principal(key.name, "api_key", frozenset(key.groups), scopes=scopes, expires=expires)
