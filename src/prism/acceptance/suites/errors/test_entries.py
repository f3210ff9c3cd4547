"""Whose fault it is when a cache is misused: the status, the reason, the outcome; and calls that come too late."""

import pytest

from prism.acceptance.suites.cache.face import OPERATIONS, Cache
from prism.acceptance.ways.binding import BindingCaller
from prism.errors import DeadlineExceeded, InvalidArgument, NamespaceNotFound, Outcome
from prism.interfaces.cache import DeleteRequest, GetRequest, SetRequest
from prism.wire import Code


async def test_a_request_at_fault(cache: Cache) -> None:
    """CONTRACT, errors: INVALID_ARGUMENT, with each field at fault; a write is NOT_APPLIED, a read has no outcome."""
    error = await cache.refused(InvalidArgument, "Set", SetRequest(key=b"k" * 1025, value=b"v"))
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert [violation.field for violation in error.violations] == ["key"]
    assert " " in error.message
    error = await cache.refused(InvalidArgument, "Get", GetRequest(key=b"k" * 1025))
    assert (error.reason, error.outcome) == ("INVALID_ARGUMENT", None)


@pytest.mark.ways("grpc", "http", "client")
async def test_a_namespace_that_there_is_not(cache: Cache) -> None:
    """CONTRACT, errors: NOT_FOUND, NAMESPACE_NOT_FOUND, no such namespace: a write is NOT_APPLIED."""
    nowhere = cache.elsewhere()
    nowhere.namespace = "nobody-configured-this"
    error = await nowhere.refused(NamespaceNotFound, "Set", SetRequest(key=b"k", value=b"v"))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "NAMESPACE_NOT_FOUND")


@pytest.mark.ways("binding")  # elsewhere whoever stands before the plugin refuses such a call
async def test_a_call_that_comes_too_late_is_not_carried_out(cache: Cache) -> None:
    """CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed: a write says NOT_APPLIED and is not."""
    assert isinstance(cache.caller, BindingCaller)
    await cache.set(b"k", b"old")
    for method, request, outcome in (
        ("Set", SetRequest(key=b"k", value=b"new"), Outcome.NOT_APPLIED),
        ("Delete", DeleteRequest(keys=[b"k"]), Outcome.NOT_APPLIED),
        ("Get", GetRequest(key=b"k"), None),
    ):
        with pytest.raises(DeadlineExceeded) as caught:
            await cache.caller.call_late(OPERATIONS[method], request, namespace=cache.namespace)
        assert caught.value.outcome is outcome
    assert await cache.get(b"k") == b"old"
