"""Where the fault lies, in every detail: the status, the reason, the outcome, what it is about and what to do."""

import pytest

from prism.acceptance.callers.table import THROUGH_GATEWAYS
from prism.acceptance.dsl import Dsl
from prism.acceptance.workload import Workload
from prism.errors import InvalidArgument, NamespaceNotFound, Outcome, PrismError
from prism.wire import Code

APPLIES_TO = Workload


def helps(error: PrismError, dsl: Dsl) -> bool:
    """Whether it has a sentence, and through a gateway the namespace that it is about."""
    about = error.metadata.get("namespace") == dsl.namespace or dsl.caller.name not in THROUGH_GATEWAYS
    return " " in error.message.strip() and about


async def test_a_request_at_fault(workload: Workload) -> None:
    """CONTRACT, errors: INVALID_ARGUMENT, with each field at fault; a write is NOT_APPLIED, a read has no outcome."""
    dsl = workload.dsl
    for method, request, field in workload.INVALID:
        error = await dsl.refused(InvalidArgument, method, request)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")
        assert error.outcome is (None if dsl.OPERATIONS[method].reads else Outcome.NOT_APPLIED)
        assert [violation.field for violation in error.violations] == [field]
        assert helps(error, dsl), error


@pytest.mark.ways("grpc", "http", "client")
async def test_a_namespace_that_there_is_not(workload: Workload) -> None:
    """CONTRACT, errors: NOT_FOUND, NAMESPACE_NOT_FOUND, no such namespace: a write is NOT_APPLIED."""
    nowhere = workload.dsl.elsewhere("not-configured")
    error = await nowhere.refused(NamespaceNotFound, workload.WRITE, workload.write_request(1))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "NAMESPACE_NOT_FOUND")
    assert error.outcome is Outcome.NOT_APPLIED
    assert helps(error, nowhere), error
