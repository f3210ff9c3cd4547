"""Whose fault it is, in every detail: the status, the reason, the outcome, whom it is about and what to do."""

import pytest

from prism.acceptance.callers.table import THROUGH_GATEWAYS
from prism.acceptance.suites.keyvalue.dsl import KeyValue, put_items
from prism.errors import AlreadyExists, InvalidArgument, NamespaceNotFound, Outcome, PrismError
from prism.interfaces.keyvalue import DeleteRequest, GetRequest, PutRequest
from prism.wire import Code


def told(error: PrismError, kv: KeyValue) -> bool:
    """Whether it has a sentence, and through a gateway the namespace that it is about."""
    about = error.metadata.get("namespace") == kv.namespace or kv.caller.name not in THROUGH_GATEWAYS
    return " " in error.message.strip() and about


async def test_a_request_at_fault(kv: KeyValue) -> None:
    """CONTRACT, errors: INVALID_ARGUMENT, with each field at fault; a write is NOT_APPLIED, a read has no outcome."""
    writes = {"Put": PutRequest(id="r", items=put_items({b"k" * 1025: b""})), "Delete": DeleteRequest(id="r" * 513)}
    for method, request in writes.items():
        error = await kv.refused(InvalidArgument, method, request)
        assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT")
        assert (error.outcome, len(error.violations)) == (Outcome.NOT_APPLIED, 1)
        assert told(error, kv), error
    error = await kv.refused(InvalidArgument, "Get", GetRequest(id="r" * 513, keys=[b"k"]))
    assert (error.code, error.reason, error.outcome) == (Code.INVALID_ARGUMENT, "INVALID_ARGUMENT", None)
    assert told(error, kv), error


@pytest.mark.ways("grpc", "http", "client")
async def test_a_namespace_that_there_is_not(kv: KeyValue) -> None:
    """CONTRACT, errors: NOT_FOUND, NAMESPACE_NOT_FOUND, no such namespace: a write is NOT_APPLIED."""
    nowhere = kv.elsewhere("nobody-configured-this")
    error = await nowhere.refused(NamespaceNotFound, "Put", PutRequest(id="r", items=put_items({b"k": b"v"})))
    assert (error.code, error.reason) == (Code.NOT_FOUND, "NAMESPACE_NOT_FOUND")
    assert error.outcome is Outcome.NOT_APPLIED
    assert told(error, nowhere), error


async def test_a_key_that_comes_with_another_payload(kv: KeyValue) -> None:
    """CONTRACT, errors: ALREADY_EXISTS, an idempotency key came with another payload: NOT_APPLIED."""
    kv.needs("idempotency")
    await kv.put("r", {b"k": b"1"}, idempotency_key="key")
    other = PutRequest(id="r", items=put_items({b"k": b"2"}), idempotency_key="key")
    error = await kv.refused(AlreadyExists, "Put", other)
    assert (error.code, error.reason) == (Code.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert error.outcome is Outcome.NOT_APPLIED
    assert told(error, kv), error
    assert await kv.values("r", b"k") == {b"k": b"1"}
