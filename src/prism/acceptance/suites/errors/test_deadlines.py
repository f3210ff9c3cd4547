"""Deadlines: a call that comes too late is not carried out, and says so."""

import pytest

from prism.acceptance.callers.binding import BindingCaller
from prism.acceptance.suites.keyvalue.dsl import OPERATIONS, KeyValue, put_items
from prism.errors import DeadlineExceeded, Outcome
from prism.interfaces.keyvalue import DeleteRequest, GetRequest, PutRequest

pytestmark = pytest.mark.ways("binding")  # elsewhere whoever stands before the plugin refuses such a call


async def test_a_write_that_comes_too_late_is_not_applied(kv: KeyValue) -> None:
    """CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed: a write says NOT_APPLIED and is not."""
    assert isinstance(kv.caller, BindingCaller)
    await kv.put("r", {b"k": b"old"})
    for method, request in (
        ("Put", PutRequest(id="r", items=put_items({b"k": b"new", b"l": b"new"}))),
        ("Delete", DeleteRequest(id="r", keys=[b"k"])),
    ):
        with pytest.raises(DeadlineExceeded) as caught:
            await kv.caller.call_late(OPERATIONS[method], request, namespace=kv.namespace)
        assert caught.value.outcome is Outcome.NOT_APPLIED
    assert await kv.values("r", b"k", b"l") == {b"k": b"old"}


async def test_a_read_that_comes_too_late_is_refused(kv: KeyValue) -> None:
    """CONTRACT, errors: DEADLINE_EXCEEDED, the caller's deadline passed: a read is not carried out for nobody."""
    assert isinstance(kv.caller, BindingCaller)
    await kv.put("r", {b"k": b"v"})
    with pytest.raises(DeadlineExceeded) as caught:
        await kv.caller.call_late(OPERATIONS["Get"], GetRequest(id="r", keys=[b"k"]), namespace=kv.namespace)
    assert caught.value.outcome is None
