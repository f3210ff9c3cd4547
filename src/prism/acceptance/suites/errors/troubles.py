"""Stores that are gone, and stores that answer and refuse: what callers of any abstraction are to be told."""

from collections.abc import Awaitable, Callable

import pytest

from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import Fault, Faulty
from prism.acceptance.suites.outage.breakable import Breakable, Frail
from prism.errors import Outcome, PrismError

DOCUMENTED: dict[Fault, tuple[str, str]] = {
    "read_only": ("RESOURCE_EXHAUSTED", "STORE_FULL"),
    "full": ("RESOURCE_EXHAUSTED", "STORE_FULL"),
    "conflict": ("ABORTED", "CONFLICT"),
    "damaged": ("DATA_LOSS", "DATA_LOSS"),
}
"""What docs/contract.md has for each."""


async def down(
    broken: Breakable, write: Callable[[], Awaitable[object]], read: Callable[[], Awaitable[object]]
) -> None:
    """The store is killed: reads and writes are told so at once; it comes back, and all is well."""
    broken.needs("kill")
    await broken.recovered()
    await broken.rig.store.kill()
    try:
        for _ in range(3):
            assert (await _unavailable(write)).outcome is not None
            assert (await _unavailable(read)).message
    finally:
        await broken.rig.store.start()
    await broken.recovered()


async def _unavailable(attempt: Callable[[], Awaitable[object]]) -> PrismError:
    with pytest.raises(PrismError) as caught:
        await attempt()
    assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
    return caught.value


async def refusing(frail: Frail, fault: Fault) -> None:
    """The store refuses writes: they say why, and that nothing was applied; reads go on, and writes later too."""
    store = frail.rig.store
    if not isinstance(store, Faulty):
        not_applicable("the store cannot be made to refuse writes from outside")
    if reason := store.lacks.get(fault):
        not_applicable(reason)
    await frail.recovered()
    await frail.put(1)
    await store.break_(fault)
    try:
        with pytest.raises(PrismError) as caught:
            await frail.put(2)
        assert (caught.value.code.name, caught.value.reason) == DOCUMENTED[fault]
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert " " in caught.value.message
        assert await frail.read(1) == 1
    finally:
        await store.mend()
    await frail.recovered()
    assert await frail.read(2) is None
