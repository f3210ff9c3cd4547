"""Stores that are gone, and stores that answer and refuse: what callers of any abstraction are to be told."""

import pytest

from prism.acceptance.backend import Fault, Faulty
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.outage.frail import Frail
from prism.errors import Outcome, PrismError

DOCUMENTED: dict[Fault, tuple[str, str]] = {
    "read_only": ("RESOURCE_EXHAUSTED", "STORE_FULL"),
    "full": ("RESOURCE_EXHAUSTED", "STORE_FULL"),
    "conflict": ("ABORTED", "CONFLICT"),
    "damaged": ("DATA_LOSS", "DATA_LOSS"),
}
"""What docs/contract.md has for each."""


async def down(frail: Frail) -> None:
    """The store is killed: reads and writes are told so at once; it comes back, and all is well."""
    frail.needs("kill")
    await frail.recovered()
    await frail.rig.store.kill()
    try:
        for _ in range(3):
            with pytest.raises(PrismError) as caught:
                await frail.put(1)
            assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
            assert caught.value.outcome is not None
            with pytest.raises(PrismError) as caught:
                await frail.read(1)
            assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
            assert caught.value.message
    finally:
        await frail.rig.store.start()
    await frail.recovered()


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
