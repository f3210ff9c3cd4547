"""Cache for applications: flat keys for look-aside caching.

What each operation means: docs/contract.md and prism/data/v1/cache.proto. Every method may raise a `PrismError`; what a
failed write did to the store is the error's `outcome`. `timeout` is in seconds (or a timedelta), for the call with all
its retries; without it the client's own holds. Keys are 1 to 1,024 bytes.
"""

from collections.abc import Awaitable, Iterable
from typing import Any, Literal

from prism.client.arguments import Seconds, duration, no_value
from prism.client.headers import NamespaceHeaders
from prism.client.transport import Transport
from prism.interfaces import cache as messages

_OPERATIONS = {operation.method: operation for operation in messages.INTERFACE.operations}

Mode = Literal["always", "if_absent", "if_present"]
_MODES = {
    "always": messages.SetMode.CACHE_SET_MODE_ALWAYS,
    "if_absent": messages.SetMode.CACHE_SET_MODE_IF_ABSENT,
    "if_present": messages.SetMode.CACHE_SET_MODE_IF_PRESENT,
}


class Cache:
    """The cache of one namespace; made by `Client.cache`."""

    def __init__(self, transport: Transport, headers: NamespaceHeaders) -> None:
        self._transport = transport
        self._headers = headers

    async def get(self, key: bytes, *, timeout: Seconds | None = None) -> bytes | None:
        """The value, or None where there is none."""
        answer = messages.GetResponse.FromString(await self._call("get", messages.GetRequest(key=key), timeout))
        return answer.value if answer.HasField("value") else None

    async def get_many(self, keys: Iterable[bytes], *, timeout: Seconds | None = None) -> dict[bytes, bytes]:
        """The values found, by key, in the order asked."""
        if not (asked := list(keys)):
            return {}
        answer = await self._call("m_get", messages.MGetRequest(keys=asked), timeout)
        return {entry.key: entry.value for entry in messages.MGetResponse.FromString(answer).entries}

    async def set(
        self,
        key: bytes,
        value: bytes,
        *,
        ttl: Seconds | None = None,
        mode: Mode = "always",
        timeout: Seconds | None = None,
    ) -> bool:
        """Stores a value and says whether it was stored.

        Args:
            key: its key.
            value: what to store.
            ttl: how long it lives. Without it the value stays until it is evicted, even if the key had a time to
                live before.
            mode: store always, only where the key is missing, or only where it exists.
        """
        if value is None:
            raise no_value(key)
        if mode not in _MODES:
            raise ValueError(f"mode is {mode!r}; give one of {', '.join(_MODES)}")
        life = None if ttl is None else duration(ttl)
        request = messages.SetRequest(key=key, value=value, ttl=life, mode=_MODES[mode])
        return messages.SetResponse.FromString(await self._call("set", request, timeout)).stored

    async def delete(self, *keys: bytes, timeout: Seconds | None = None) -> int:
        """Removes keys and says how many of them existed."""
        if not keys:
            return 0
        answer = await self._call("delete", messages.DeleteRequest(keys=keys), timeout)
        return messages.DeleteResponse.FromString(answer).count

    async def exists(self, key: bytes, *, timeout: Seconds | None = None) -> bool:
        """Whether a key exists."""
        return bool(await self.exists_many((key,), timeout=timeout))

    async def exists_many(self, keys: Iterable[bytes], *, timeout: Seconds | None = None) -> list[bytes]:
        """Which of the keys exist, in the order asked."""
        if not (asked := list(keys)):
            return []
        answer = await self._call("exists", messages.ExistsRequest(keys=asked), timeout)
        return list(messages.ExistsResponse.FromString(answer).keys)

    async def expire(self, key: bytes, ttl: Seconds, *, timeout: Seconds | None = None) -> bool:
        """Gives a key a new time to live and says whether it existed."""
        request = messages.ExpireRequest(key=key, ttl=duration(ttl))
        return messages.ExpireResponse.FromString(await self._call("expire", request, timeout)).existed

    async def ttl(self, key: bytes, *, timeout: Seconds | None = None) -> float | None:
        """The seconds until a key expires: None where it is missing, `math.inf` where it does not expire."""
        answer = messages.TtlResponse.FromString(await self._call("ttl", messages.TtlRequest(key=key), timeout))
        if not answer.exists:
            return None
        return answer.ttl.ToMicroseconds() / 1e6 if answer.HasField("ttl") else float("inf")

    async def increment(
        self, key: bytes, delta: int = 1, *, ttl: Seconds | None = None, timeout: Seconds | None = None
    ) -> int:
        """Adds to a counter and gives its new value; a missing one starts at 0.

        Args:
            key: its key.
            delta: what to add; negative to count down.
            ttl: how long the counter lives if this call creates it; an existing counter keeps its own.

        Raises:
            FailedPrecondition: the value is not a 64-bit integer, or the sum does not fit one.
        """
        life = None if ttl is None else duration(ttl)
        request = messages.IncrementRequest(key=key, delta=delta, ttl=life)
        return messages.IncrementResponse.FromString(await self._call("increment", request, timeout)).value

    def _call(self, method: str, request: Any, timeout: Seconds | None) -> Awaitable[bytes]:
        return self._transport.unary(_OPERATIONS[method], request.SerializeToString(), self._headers, timeout)
