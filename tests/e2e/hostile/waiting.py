"""Memory's plugin in a process of its own, whose Get of one record is never answered."""

import asyncio
from typing import Any

from prism.backends.memory.keyvalue import MemoryKeyValue
from prism.host import main

RECORD = "never"
_get = MemoryKeyValue.get


async def _waits(self: MemoryKeyValue, request: Any, context: Any) -> Any:
    if request.id == RECORD:
        await asyncio.Event().wait()
    return await _get(self, request, context)


if __name__ == "__main__":
    MemoryKeyValue.get = _waits  # type: ignore[method-assign]  # that is what it is for
    main()
