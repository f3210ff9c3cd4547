"""Whose fault it is when a cache is misused: the status, the reason, the outcome; and calls that come too late."""

import pytest

from prism.acceptance.callers.binding import BindingCaller
from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.cache.dsl import LONG, OPERATIONS, Cache, duration
from prism.acceptance.suites.errors.who_can import explains
from prism.errors import DeadlineExceeded, InvalidArgument, NamespaceNotFound, Outcome, Unimplemented
from prism.interfaces.cache import (
    DeleteRequest,
    ExpireRequest,
    GetRequest,
    IncrementRequest,
    SetRequest,
    TtlRequest,
)
from prism.wire import Code

TTL = {
    "Set": SetRequest(key=b"k", value=b"v", ttl=duration(LONG)),
    "Expire": ExpireRequest(key=b"k", ttl=duration(LONG)),
    "Ttl": TtlRequest(key=b"k"),
    "Increment": IncrementRequest(key=b"k", delta=1, ttl=duration(LONG)),
}
"""What asks for the only capability that Cache has."""


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


async def test_what_is_not_declared_is_refused(cache: Cache) -> None:
    """CONTRACT: where a store cannot do a thing, the call is refused with UNIMPLEMENTED; the message names who can."""
    if cache.capabilities.declares("ttl"):
        not_applicable("ttl is declared")
    for method, request in TTL.items():
        error = await cache.refused(Unimplemented, method, request)
        assert explains(error, "cache", "ttl", cache.caller), error.message
    assert await cache.get(b"k") is None
