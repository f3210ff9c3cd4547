"""What a manifest does not declare is refused, by a sentence that says what is missing and who has it."""

from prism.acceptance.skips import not_applicable
from prism.acceptance.suites.errors.who_can import explains
from prism.acceptance.suites.keyvalue.dsl import LONG, OPERATIONS, KeyValue, duration
from prism.acceptance.suites.keyvalue.test_limits import REQUESTS
from prism.errors import Unimplemented
from prism.interfaces.keyvalue import PutItem, PutRequest

FIELDS = {
    "ttl": PutRequest(id="r", items=[PutItem(key=b"k", ttl=duration(LONG))]),
    "idempotency": PutRequest(id="r", items=[PutItem(key=b"k")], idempotency_key="key"),
}
CAPABILITIES = sorted({each.requires for each in OPERATIONS.values() if each.requires} | set(FIELDS))


async def test_what_is_not_declared_is_refused(kv: KeyValue) -> None:
    """CONTRACT: where a store cannot do a thing, the call is refused with UNIMPLEMENTED; the message names who can."""
    undeclared = [each for each in CAPABILITIES if not kv.capabilities.declares(each)]
    if not undeclared:
        not_applicable(f"{', '.join(CAPABILITIES)} are all declared")
    for capability in undeclared:
        calls = [(name, REQUESTS[name]("r", b"k")) for name in REQUESTS if OPERATIONS[name].requires == capability]
        calls += [("Put", FIELDS[capability])] if capability in FIELDS else []
        assert calls
        for method, request in calls:
            error = await kv.refused(Unimplemented, method, request)
            assert explains(error, "keyvalue", capability, kv.caller), error.message
    assert await kv.get("r", b"k", b"fine") == []
