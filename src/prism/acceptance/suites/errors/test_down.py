"""A store that is gone: every call fails at once with what helps, and all is well when it is back."""

from collections.abc import Awaitable, Callable

import pytest

from prism.acceptance.breakable import Breakable
from prism.acceptance.store.backend import Killable
from prism.acceptance.workload import Workload
from prism.errors import PrismError

APPLIES_TO = Workload


async def test_a_store_that_is_down_is_unavailable_at_once(breakable: Breakable) -> None:
    """CONTRACT, errors: BACKEND_UNAVAILABLE, the store does not answer: at once, with what helps, in read and write."""
    breakable.needs("kill")
    store = breakable.environment.store
    assert isinstance(store, Killable)
    await breakable.recovered()
    await store.kill()
    try:
        for _ in range(3):
            assert (await _unavailable(lambda: breakable.workload.write(1))).outcome is not None
            assert (await _unavailable(breakable.workload.touch)).message
    finally:
        await breakable.environment.store.start()
    await breakable.recovered()


async def _unavailable(attempt: Callable[[], Awaitable[object]]) -> PrismError:
    with pytest.raises(PrismError) as caught:
        await attempt()
    assert (caught.value.code.name, caught.value.reason) == ("UNAVAILABLE", "BACKEND_UNAVAILABLE")
    return caught.value
