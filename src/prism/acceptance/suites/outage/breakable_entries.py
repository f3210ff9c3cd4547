"""Cache on a store that is broken while callers write to it."""

from prism.acceptance.callers.caller import Caller
from prism.acceptance.run.environment import Rig
from prism.acceptance.suites.cache.dsl import Cache
from prism.acceptance.suites.outage.breakable import CALL_TIMEOUT, Frail
from prism.interfaces.cache import SetRequest


class FrailEntries(Frail):
    """An entry for each number.

    Attributes:
        cache: a namespace of the test's own.
    """

    def __init__(self, rig: Rig, caller: Caller) -> None:
        super().__init__(rig)
        self.cache = Cache(caller)

    async def put(self, number: int) -> None:
        """Sets entry `number`; raises what the gateway answers."""
        await self.cache.call("Set", SetRequest(key=b"e%d" % number, value=b"%d" % number), timeout=CALL_TIMEOUT)

    async def read(self, number: int) -> int | None:
        """What entry `number` holds; raises what the gateway answers."""
        value = await self.cache.get(b"e%d" % number)
        return None if value is None else int(value)

    async def found(self, numbers: set[int]) -> set[int]:
        """Which of the entries are there, as they were set."""
        there = set()
        ordered = sorted(numbers)
        most = self.cache.capabilities.max_batch_items
        for start in range(0, len(ordered), most):
            keys = [b"e%d" % number for number in ordered[start : start + most]]
            there |= {int(value) for key, value in await self.cache.get_many(*keys) if key == b"e" + value}
        return there
