"""Deadlines: a call that comes too late is not carried out, and says so."""

import pytest

from prism.acceptance.callers.binding import BindingCaller
from prism.acceptance.workload import StoringWorkload
from prism.errors import DeadlineExceeded, Outcome

APPLIES_TO = StoringWorkload
pytestmark = pytest.mark.ways("binding")  # elsewhere what stands before the plugin refuses such a call


async def test_a_write_that_comes_too_late_is_not_applied(workload: StoringWorkload) -> None:
    """CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed: a write says NOT_APPLIED and is not."""
    dsl = workload.dsl
    assert isinstance(dsl.caller, BindingCaller)
    await workload.write(1)
    for method, request in workload.changes(1):
        with pytest.raises(DeadlineExceeded) as caught:
            await dsl.caller.call_late(dsl.OPERATIONS[method], request, namespace=dsl.namespace)
        assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await workload.read(1) == 1


async def test_a_read_that_comes_too_late_is_refused(workload: StoringWorkload) -> None:
    """CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed: a read is not carried out in vain."""
    dsl = workload.dsl
    assert isinstance(dsl.caller, BindingCaller)
    await workload.write(1)
    with pytest.raises(DeadlineExceeded) as caught:
        await dsl.caller.call_late(dsl.OPERATIONS[workload.READ], workload.read_request(1), namespace=dsl.namespace)
    assert caught.value.outcome is None
