"""A store that answers and refuses writes: they say why and that nothing was applied; reads go on."""

import pytest

from prism.acceptance.backend import Fault, Faulty
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.outage.frail import Frail
from prism.errors import Outcome, PrismError


@pytest.mark.parametrize("fault", ["read_only", "full"])
async def test_a_store_that_takes_no_writes(frail: Frail, fault: Fault) -> None:
    """CONTRACT, errors: STORE_FULL, no room or read-only: a write is NOT_APPLIED, reads go on, writes later too."""
    store = frail.rig.store
    if not isinstance(store, Faulty) or store.lacks.get("kill"):
        not_applicable(
            "the store cannot be made read-only or full from outside; tests of the backend do so from within"
        )
    if reason := store.lacks.get(fault):
        not_applicable(reason)
    await frail.recovered()
    await frail.put(1)
    await store.break_(fault)
    try:
        with pytest.raises(PrismError) as caught:
            await frail.kv.put("r2", {b"k": b"2"})
        assert (caught.value.code.name, caught.value.reason) == ("RESOURCE_EXHAUSTED", "STORE_FULL")
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert await frail.kv.values("r1", b"k") == {b"k": b"1"}
    finally:
        await store.mend()
    await frail.recovered()
    assert await frail.kv.exists("r2", b"k") == []
