"""How long a write and a read take, as a multiple of a refused call, which goes the same way but to no store."""

import pytest

from prism.acceptance.measure import Measure
from prism.acceptance.suites.performance.median import median
from prism.acceptance.workload import StoringWorkload, Workload
from prism.errors import InvalidArgument

APPLIES_TO = Workload
pytestmark = pytest.mark.ways("grpc")  # one way is enough: what is measured lies behind it


async def test_baseline(workload: Workload, measure: Measure) -> None:
    """RFC-008, performance baseline: a write and a read, as multiples of a call that is refused before the store."""
    (method, bad, _), *_ = workload.INVALID
    await workload.write(1)
    refused = await median(lambda: workload.dsl.refused(InvalidArgument, method, bad))
    if isinstance(workload, StoringWorkload):
        read = await median(lambda: workload.read(1))
        measure(f"{workload.READ.lower()} / refused", round(read / refused, 2))
    write = await median(lambda: workload.write(1, 2))
    measure(f"{workload.WRITE.lower()} / refused", round(write / refused, 2))
    if isinstance(workload, StoringWorkload):
        assert await workload.read(1) == 2
