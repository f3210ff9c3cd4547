"""The memory that transfers share: less for each as there are more, and a refusal where not even the least has room."""

from contextlib import ExitStack

import pytest

from prism.errors import LimitExceeded
from prism.sdk.objectstore.budget import LARGEST, SMALLEST, Budget


def test_batches_shrink_as_transfers_come() -> None:
    """Two batches of each, all together, never exceed the budget."""
    size = 8 * LARGEST
    budget = Budget(size)
    with ExitStack() as stack:
        seen = []
        for count in range(1, size // (2 * SMALLEST) + 1):
            stack.enter_context(budget.transfer())
            seen.append(budget.batch)
            assert 2 * budget.batch * count <= size
        assert (seen[0], seen[-1]) == (LARGEST, SMALLEST)
        with pytest.raises(LimitExceeded) as caught, budget.transfer():
            raise AssertionError("there was room")
        assert caught.value.metadata == {"limit": "objects.budget"}
        assert caught.value.retry_after
    assert (budget.transfers, budget.batch) == (0, LARGEST)


def test_a_transfer_that_fails_gives_its_share_back() -> None:
    """Whatever ends it."""
    budget = Budget(LARGEST)
    with pytest.raises(RuntimeError), budget.transfer():
        raise RuntimeError("it failed")
    assert budget.transfers == 0
