"""A store that answers and refuses: writes say why and that nothing was applied; reads go on, and writes later."""

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


@pytest.mark.parametrize("fault", DOCUMENTED)
async def test_a_store_that_refuses_writes(frail: Frail, fault: Fault) -> None:
    """CONTRACT, errors: STORE_FULL, CONFLICT, DATA_LOSS: a write is NOT_APPLIED, reads go on, writes later too."""
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
            await frail.kv.put("r2", {b"k": b"2"})
        assert (caught.value.code.name, caught.value.reason) == DOCUMENTED[fault]
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert " " in caught.value.message
        assert await frail.kv.values("r1", b"k") == {b"k": b"1"}
    finally:
        await store.mend()
    await frail.recovered()
    assert await frail.kv.exists("r2", b"k") == []
