"""KeyValue on a store that is broken while callers write to it."""

from prism.acceptance.callers.caller import Caller
from prism.acceptance.run.environment import Rig
from prism.acceptance.suites.keyvalue.dsl import KeyValue, put_items
from prism.acceptance.suites.outage.breakable import CALL_TIMEOUT, Frail
from prism.interfaces.keyvalue import PutRequest


class FrailItems(Frail):
    """A record for each number.

    Attributes:
        kv: a namespace of the test's own.
    """

    def __init__(self, rig: Rig, caller: Caller) -> None:
        super().__init__(rig)
        self.kv = KeyValue(caller)

    async def put(self, number: int) -> None:
        """Puts record `number`; raises what the gateway answers."""
        request = PutRequest(id=f"r{number}", items=put_items({b"k": b"%d" % number}))
        await self.kv.call("Put", request, timeout=CALL_TIMEOUT)

    async def read(self, number: int) -> int | None:
        """What record `number` holds; raises what the gateway answers."""
        value = (await self.kv.values(f"r{number}", b"k")).get(b"k")
        return None if value is None else int(value)

    async def found(self, numbers: set[int]) -> set[int]:
        """Which of the records are there, as they were put."""
        there = set()
        ordered = sorted(numbers)
        most = self.kv.capabilities.max_batch_items
        for start in range(0, len(ordered), most):
            part = ordered[start : start + most]
            for result in await self.kv.batch_get({f"r{number}": [b"k"] for number in part}):
                there |= {int(result.id[1:]) for item in result.items if item.value == result.id[1:].encode()}
        return there
