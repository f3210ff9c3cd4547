"""Cache as a workload: an entry for each number. An acknowledged one may be evicted, and is then counted as gone."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from prism.acceptance.callers.caller import Caller
from prism.acceptance.stored_numbers import stored_numbers
from prism.acceptance.suites.cache.dsl import LONG, Cache, duration
from prism.acceptance.workload import Request, StoringWorkload, Witness
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces.cache import (
    DeleteRequest,
    ExpireRequest,
    GetRequest,
    IncrementRequest,
    SetRequest,
    TtlRequest,
)

_LIFE = duration(LONG)
_OF_CAPABILITIES: dict[str, Sequence[Request]] = {
    "ttl": [
        ("Set", SetRequest(key=b"e1", value=b"1", ttl=_LIFE)),
        ("Expire", ExpireRequest(key=b"e1", ttl=_LIFE)),
        ("Ttl", TtlRequest(key=b"e1")),
        ("Increment", IncrementRequest(key=b"e1", delta=1, ttl=_LIFE)),
    ]
}


class CacheWorkload(StoringWorkload):
    """`prism.acceptance.workload.StoringWorkload` of Cache."""

    LANGUAGE = Cache
    WRITE = "Set"
    READ = "Get"
    INVALID = (
        ("Set", SetRequest(key=b"k" * 1025, value=b"v"), "key"),
        ("Get", GetRequest(key=b"k" * 1025), "key"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._cache = Cache(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        return _OF_CAPABILITIES.get(capability, ())

    @property
    def durable(self) -> bool:
        """See StoringWorkload: no cache is."""
        return False

    def write_request(self, number: int, value: int | None = None) -> SetRequest:
        """See Workload."""
        return SetRequest(key=b"e%d" % number, value=b"%d" % (number if value is None else value))

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return stored_numbers(self, ledger, may_be_gone=True)

    def changes(self, number: int) -> Sequence[Request]:
        """See StoringWorkload."""
        key = b"e%d" % number
        return [("Set", SetRequest(key=key, value=b"0")), ("Delete", DeleteRequest(keys=[key]))]

    def read_request(self, number: int) -> GetRequest:
        """See StoringWorkload."""
        return GetRequest(key=b"e%d" % number)

    async def read(self, number: int, *, via: int | None = None) -> int | None:
        """See StoringWorkload."""
        answer = await self.dsl.call("Get", self.read_request(number), via=via)
        return int(answer.value) if answer.HasField("value") else None

    async def found(self, numbers: set[int]) -> set[int]:
        """See StoringWorkload."""
        there = set()
        ordered = sorted(numbers)
        most = self.dsl.capabilities.max_batch_items
        for start in range(0, len(ordered), most):
            keys = [b"e%d" % number for number in ordered[start : start + most]]
            there |= {int(value) for key, value in await self._cache.get_many(*keys) if key == b"e" + value}
        return there


WORKLOAD = CacheWorkload
