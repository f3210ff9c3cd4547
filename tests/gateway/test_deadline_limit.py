"""The longest deadline of a namespace: who asks for more is refused, and told; nobody is cut in silence."""

import pytest

from gateway.policed import GET, PUT, SERVICE, Incoming, policed
from prism.errors import LimitExceeded, Outcome
from prism.interfaces import keyvalue as kv
from prism.wire import Deadline, Metadata

LONGEST = {"timeouts": {"default": 5, "longest": 30}}


async def test_a_deadline_over_the_longest_is_refused() -> None:
    """The sentence names both, nothing is applied, no RetryInfo: the same call fails again; and it is a denial."""
    async with policed(policy=LONGEST) as world:
        put = world.gateway.operations[f"/{SERVICE}/Put"]
        with pytest.raises(LimitExceeded) as caught:
            await world.gateway.unary(Incoming(deadline=Deadline.after(3600)), put, PUT)
        error = caught.value
        assert error.message.startswith("the deadline of 3600 s is over this namespace's limit of 30 s;")
        assert (error.outcome, error.retry_after) == (Outcome.NOT_APPLIED, None)
        assert error.metadata == {"limit": "deadline", "namespace": "default"}
        assert list(world.gateway.denials.counts()) == [("default", "LIMIT_EXCEEDED", 1)]


@pytest.mark.parametrize("deadline", [None, 1.0, 30.0, 30.3])
async def test_other_deadlines_pass(deadline: float | None) -> None:
    """None, shorter, just as long, and as long as a client's rounding makes the longest."""
    async with policed(policy=LONGEST) as world:
        given = None if deadline is None else Deadline.after(deadline)
        await world.gateway.unary(Incoming(deadline=given), world.gateway.operations[f"/{SERVICE}/Get"], GET)


async def test_it_is_a_namespace_s_own_and_about_single_answers() -> None:
    """Another namespace has none, and a stream has a time of its own."""
    async with policed(policy=LONGEST) as world:
        put, scan = (world.gateway.operations[f"/{SERVICE}/{method}"] for method in ("Put", "ScanStream"))
        far = Deadline.after(3600)
        await world.gateway.unary(Incoming(Metadata([("prism-namespace", "free")]), far), put, PUT)
        await world.ask("Put")
        request = kv.ScanStreamRequest().SerializeToString()
        assert len([page async for page in world.gateway.stream(Incoming(deadline=far), scan, request)]) == 1
