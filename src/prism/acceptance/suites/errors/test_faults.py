"""A store that answers and refuses: writes say why and that nothing was applied; reads go on, and writes later."""

import pytest

from prism.acceptance.breakable import Breakable
from prism.acceptance.skips import not_applicable
from prism.acceptance.store.backend import Fault, Faulty
from prism.acceptance.workload import StoringWorkload
from prism.errors import Outcome, PrismError

APPLIES_TO = StoringWorkload

DOCUMENTED: dict[Fault, tuple[str, str]] = {
    "read_only": ("RESOURCE_EXHAUSTED", "STORE_FULL"),
    "full": ("RESOURCE_EXHAUSTED", "STORE_FULL"),
    "conflict": ("ABORTED", "CONFLICT"),
    "damaged": ("DATA_LOSS", "DATA_LOSS"),
}
"""What docs/contract.md has for each."""


@pytest.mark.parametrize("fault", DOCUMENTED)
async def test_a_store_that_refuses_writes(breakable: Breakable, fault: Fault) -> None:
    """CONTRACT, errors: STORE_FULL, CONFLICT, DATA_LOSS: a write is NOT_APPLIED, reads go on, writes later too."""
    store, workload = breakable.environment.store, breakable.workload
    assert isinstance(workload, StoringWorkload)
    if not isinstance(store, Faulty):
        not_applicable("the store cannot be made to refuse writes from outside")
    if reason := store.lacks.get(fault):
        not_applicable(reason)
    await breakable.recovered()
    await workload.write(1)
    await store.break_(fault)
    try:
        with pytest.raises(PrismError) as caught:
            await workload.write(2)
        assert (caught.value.code.name, caught.value.reason) == DOCUMENTED[fault]
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert " " in caught.value.message
        assert await workload.read(1) == 1
    finally:
        await store.mend()
    await breakable.recovered()
    assert await workload.read(2) is None
