"""KeyValue as a workload: a record for each number."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from prism.acceptance.callers.caller import Caller
from prism.acceptance.stored_numbers import stored_numbers
from prism.acceptance.suites.keyvalue.dsl import LONG, OPERATIONS, KeyValue, duration, moment, put_items
from prism.acceptance.suites.keyvalue.requests import REQUESTS
from prism.acceptance.workload import Request, StoringWorkload, Witness
from prism.acceptance.write_ledger import WriteLedger
from prism.interfaces.keyvalue import DeleteRequest, GetRequest, PutItem, PutRequest

_FAR = 4e9
_FIELDS = {
    "ttl": [
        PutRequest(id="r1", items=[PutItem(key=b"k", ttl=duration(LONG))]),
        PutRequest(id="r1", items=[PutItem(key=b"k", expires_at=moment(_FAR))]),
    ],
    "idempotency": [PutRequest(id="r1", items=[PutItem(key=b"k")], idempotency_key="key")],
}


class KeyValueWorkload(StoringWorkload):
    """`prism.acceptance.workload.StoringWorkload` of KeyValue."""

    LANGUAGE = KeyValue
    WRITE = "Put"
    READ = "Get"
    INVALID = (
        ("Put", PutRequest(id="r1", items=put_items({b"k" * 1025: b""})), "items[0].key"),
        ("Delete", DeleteRequest(id="r" * 513), "id"),
        ("Get", GetRequest(id="r" * 513, keys=[b"k"]), "id"),
    )

    def __init__(self, caller: Caller, namespace: str | None = None) -> None:
        super().__init__(caller, namespace)
        self._kv = KeyValue(caller, self.dsl.namespace)

    @staticmethod
    def requests(capability: str) -> Sequence[Request]:
        """See Workload."""
        calls = [(name, REQUESTS[name]("r1", b"k")) for name in REQUESTS if OPERATIONS[name].requires == capability]
        return [*calls, *(("Put", request) for request in _FIELDS.get(capability, ()))]

    @property
    def durable(self) -> bool:
        """See StoringWorkload."""
        return self.dsl.capabilities.declares("durability")

    def write_request(self, number: int, value: int | None = None) -> PutRequest:
        """See Workload."""
        return PutRequest(id=f"r{number}", items=put_items({b"k": b"%d" % (number if value is None else value)}))

    def witness(self, ledger: WriteLedger) -> AbstractAsyncContextManager[Witness]:
        """See Workload."""
        return stored_numbers(self, ledger)

    def changes(self, number: int) -> Sequence[Request]:
        """See StoringWorkload."""
        several = PutRequest(id=f"r{number}", items=put_items({b"k": b"0", b"l": b"0"}))
        return [("Put", several), ("Delete", DeleteRequest(id=f"r{number}", keys=[b"k"]))]

    def read_request(self, number: int) -> GetRequest:
        """See StoringWorkload."""
        return GetRequest(id=f"r{number}", keys=[b"k"])

    async def read(self, number: int, *, via: int | None = None) -> int | None:
        """See StoringWorkload."""
        value = (await self._kv.values(f"r{number}", b"k", via=via)).get(b"k")
        return None if value is None else int(value)

    async def found(self, numbers: set[int]) -> set[int]:
        """See StoringWorkload."""
        there = set()
        ordered = sorted(numbers)
        most = self.dsl.capabilities.max_batch_items
        for start in range(0, len(ordered), most):
            part = ordered[start : start + most]
            for result in await self._kv.batch_get({f"r{number}": [b"k"] for number in part}):
                there |= {int(result.id[1:]) for item in result.items if item.value == result.id[1:].encode()}
        return there


WORKLOAD = KeyValueWorkload
