"""A store that is gone, or refuses: callers of a cache are told so at once."""

import pytest

from prism.acceptance.store.backend import Fault
from prism.acceptance.suites.errors.troubles import DOCUMENTED, down, refusing
from prism.acceptance.suites.outage.breakable_entries import FrailEntries


async def test_a_store_that_is_down_is_unavailable_at_once(frail_entries: FrailEntries) -> None:
    """CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer: at once, with what helps, in read and write."""
    await down(frail_entries, lambda: frail_entries.put(1), lambda: frail_entries.read(1))


@pytest.mark.parametrize("fault", DOCUMENTED)
async def test_a_store_that_refuses_writes(frail_entries: FrailEntries, fault: Fault) -> None:
    """CONTRACT, errors: STORE_FULL, CONFLICT, DATA_LOSS: a write is NOT_APPLIED, reads go on, writes later too."""
    await refusing(frail_entries, fault)
