"""A store that answers and refuses: writes say why and that nothing was applied; reads go on, and writes later."""

import pytest

from prism.acceptance.store.backend import Fault
from prism.acceptance.suites.errors.troubles import DOCUMENTED, refusing
from prism.acceptance.suites.outage.breakable_items import FrailItems


@pytest.mark.parametrize("fault", DOCUMENTED)
async def test_a_store_that_refuses_writes(frail: FrailItems, fault: Fault) -> None:
    """CONTRACT, errors: STORE_FULL, CONFLICT, DATA_LOSS: a write is NOT_APPLIED, reads go on, writes later too."""
    await refusing(frail, fault)
