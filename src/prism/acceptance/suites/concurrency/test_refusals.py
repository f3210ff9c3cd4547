"""A call that is refused among many is refused alone."""

import asyncio

from prism.acceptance.workload import StoringWorkload, Workload
from prism.errors import InvalidArgument

APPLIES_TO = Workload


async def test_a_bad_call_takes_no_other_with_it(workload: Workload) -> None:
    """CONTRACT, common rules: a refused call among many at once is refused alone."""
    method, bad, _ = next(each for each in workload.INVALID if not workload.dsl.OPERATIONS[each[0]].reads)
    refusals = [workload.dsl.refused(InvalidArgument, method, bad) for _ in range(10)]
    await asyncio.gather(*map(workload.write, range(30)), *refusals)
    if isinstance(workload, StoringWorkload):
        assert await workload.found(set(range(30))) == set(range(30))
