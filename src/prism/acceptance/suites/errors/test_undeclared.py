"""What a manifest does not declare is refused, by a sentence that says what is missing and which backend has it."""

from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.errors.offers import explains
from prism.acceptance.workload import StoringWorkload, Workload
from prism.errors import Unimplemented

APPLIES_TO = Workload


async def test_what_is_not_declared_is_refused(workload: Workload) -> None:
    """CONTRACT: where a store cannot do a thing, the call is refused with UNIMPLEMENTED; the message names who can."""
    interface = workload.dsl.INTERFACE
    known = [name for name in interface.capabilities.model_fields if workload.requests(name)]
    undeclared = [name for name in known if not workload.dsl.capabilities.declares(name)]
    if not undeclared:
        not_applicable(f"{', '.join(sorted(known))} {'are all' if len(known) > 1 else 'is'} declared")
    for capability in undeclared:
        for method, request in workload.requests(capability):
            error = await workload.dsl.refused(Unimplemented, method, request)
            assert explains(error, interface.name, capability, workload.dsl.caller), error.message
    if isinstance(workload, StoringWorkload):
        assert await workload.read(1) is None
