"""The gateway's counters match the calls that were made."""

from collections import Counter

from prism.acceptance.breakable import Breakable
from prism.acceptance.suites.honesty.gateways import calls
from prism.acceptance.workload import StoringWorkload, Workload
from prism.errors import InvalidArgument

APPLIES_TO = Workload


async def test_counters_match_what_was_done(breakable: Breakable) -> None:
    """RFC-008, metrics: every call is counted once, under the status that its caller was given."""
    workload, made = breakable.workload, Counter[tuple[str, str]]()
    for number in range(7):
        await workload.write(number)
        made[workload.WRITE, "OK"] += 1
    if isinstance(workload, StoringWorkload):
        for number in range(5):
            await workload.read(number)
            made[workload.READ, "OK"] += 1
    for method, request, _ in workload.INVALID:
        for _ in range(3):
            await workload.dsl.refused(InvalidArgument, method, request)
            made[method, "INVALID_ARGUMENT"] += 1
    for method in {method for method, _ in made}:
        counted = await calls(breakable.environment.gateways, workload.dsl.namespace, workload.dsl.OPERATIONS[method])
        assert counted == {status: count for (name, status), count in made.items() if name == method}
