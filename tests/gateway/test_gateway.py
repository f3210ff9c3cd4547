"""The data path over a real backend: hops in order, routing, errors with their origin, counting."""

import asyncio
from dataclasses import dataclass, field

import pytest

from prism.context import Context
from prism.errors import (
    BackendCredentials,
    BackendUnavailable,
    InvalidArgument,
    NamespaceNotFound,
    Outcome,
    PermissionDenied,
    Unauthenticated,
    Unimplemented,
)
from prism.gateway.call import Call
from prism.gateway.chain import Policies, chain
from prism.gateway.gateway import Gateway
from prism.gateway.observers.denials import Denial
from prism.gateway.snapshot import Namespace, Snapshot
from prism.interfaces import keyvalue as kv
from prism.plugins.discovery import discover
from prism.plugins.in_process import InProcess
from prism.principal import Principal
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire import EMPTY_METADATA, Code, Deadline, Metadata, Peer

SERVICE = "prism.data.v1.KeyValue"
PUT = kv.PutRequest(id="record", items=[kv.PutItem(key=b"key", value=b"value")]).SerializeToString()
GET = kv.GetRequest(id="record", keys=[b"key"]).SerializeToString()


@dataclass
class Incoming:
    """A request as any way in presents it."""

    metadata: Metadata = EMPTY_METADATA
    deadline: Deadline | None = None
    peer: Peer = field(default_factory=lambda: Peer("test"))


@pytest.fixture
def metrics() -> CallMetrics:
    """What counts the calls."""
    return CallMetrics()


def serving(instance: InProcess, metrics: CallMetrics, policies: Policies | None = None) -> Gateway:
    """A gateway with one namespace, `default`."""
    gateway = Gateway(chain(policies or Policies()), metrics, discover().offers())
    gateway.snapshot = Snapshot(1, {"default": Namespace.of("default", frozenset({SERVICE}), instance)})
    return gateway


async def unary(gateway: Gateway, method: str, payload: bytes, incoming: Incoming | None = None) -> bytes:
    """One call."""
    return await gateway.unary(incoming or Incoming(), gateway.operations[f"/{SERVICE}/{method}"], payload)


async def test_a_call_without_a_namespace_goes_to_default(instance: InProcess, metrics: CallMetrics) -> None:
    """What is put without naming a namespace is read by naming `default`."""
    gateway = serving(instance, metrics)
    await unary(gateway, "Put", PUT)
    named = Incoming(Metadata([("prism-namespace", "default")]))
    answer = kv.GetResponse.FromString(await unary(gateway, "Get", GET, named))
    assert [item.value for item in answer.items] == [b"value"]


async def test_an_unknown_namespace_is_refused_and_not_counted_by_name(
    instance: InProcess, metrics: CallMetrics
) -> None:
    """The refusal says that nothing was applied, and callers cannot invent labels."""
    gateway = serving(instance, metrics)
    with pytest.raises(NamespaceNotFound, match="no namespace 'x' is configured") as caught:
        await unary(gateway, "Put", PUT, Incoming(Metadata([("prism-namespace", "x")])))
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert [(each.namespace, each.codes[Code.NOT_FOUND]) for each in metrics.totals()] == [("", 1)]


async def test_a_namespace_refuses_abstractions_that_it_does_not_serve(
    instance: InProcess, metrics: CallMetrics
) -> None:
    """The refusal names what the namespace serves."""
    gateway = serving(instance, metrics)
    gateway.snapshot = Snapshot(2, {"default": Namespace.of("default", frozenset({"prism.data.v1.Cache"}), instance)})
    with pytest.raises(Unimplemented, match=r"serves prism\.data\.v1\.Cache, not prism\.data\.v1\.KeyValue"):
        await unary(gateway, "Get", GET)


@pytest.mark.parametrize("kind", [BackendUnavailable, BackendCredentials])
async def test_an_instance_that_does_not_serve_refuses_at_once(
    instance: InProcess, metrics: CallMetrics, kind: type[BackendUnavailable]
) -> None:
    """Calls get its sentence, that nothing was applied, and when to try again."""
    instance.refusal, instance.refusal_kind = "the store is down", kind
    with pytest.raises(kind, match="the store is down") as caught:
        await unary(serving(instance, metrics), "Put", PUT)
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert caught.value.retry_after
    assert caught.value.metadata == {"namespace": "default", "backend": "memory"}


async def test_errors_name_namespace_and_backend(instance: InProcess, metrics: CallMetrics) -> None:
    """An operator reading one error knows where it came from."""
    with pytest.raises(InvalidArgument) as caught:
        await unary(serving(instance, metrics), "Get", kv.GetRequest().SerializeToString())
    assert caught.value.metadata == {"namespace": "default", "backend": "memory"}


async def test_hops_run_in_the_order_of_the_chain_and_a_refusal_ends_the_call(
    instance: InProcess, metrics: CallMetrics
) -> None:
    """Authenticate, authorize, limit, route: what one refuses, none behind it sees."""
    seen: list[str] = []

    def authenticate(call: Call) -> None:
        seen.append("authenticate")
        call.principal = Principal("alice")

    def authorize(call: Call) -> None:
        seen.append(f"authorize {call.principal.name} on {call.namespace}")
        raise PermissionDenied("alice may not")

    def limit(_call: Call) -> None:
        seen.append("limit")

    gateway = serving(instance, metrics, Policies(authenticate, authorize, limit))
    with pytest.raises(PermissionDenied) as caught:
        await unary(gateway, "Put", PUT)
    assert seen == ["authenticate", "authorize alice on default"]
    assert caught.value.outcome is Outcome.NOT_APPLIED


async def test_a_hop_may_give_what_is_to_be_awaited_before_the_next(instance: InProcess, metrics: CallMetrics) -> None:
    """A slow path holds up its own call only, and the hops behind it still run."""
    opened, seen = asyncio.Event(), []

    async def fetch(call: Call) -> None:
        await opened.wait()
        call.principal = Principal("alice")

    def authorize(call: Call) -> None:
        seen.append(call.principal.name)

    gateway = serving(instance, metrics, Policies(fetch, authorize))
    waiting = asyncio.create_task(unary(gateway, "Put", PUT))
    await asyncio.sleep(0)
    assert not seen
    opened.set()
    await waiting
    assert seen == ["alice"]


@pytest.mark.parametrize("name", ["prism-namespace", "authorization", "x-api-key"])
async def test_a_header_that_decides_comes_once(instance: InProcess, metrics: CallMetrics, name: str) -> None:
    """Two namespaces, or two credentials, are refused before anything is decided by one of them."""
    seen: list[Call] = []
    gateway = serving(instance, metrics, Policies(authorize=seen.append))
    with pytest.raises(InvalidArgument, match=f"'{name}' comes more than once"):
        await unary(gateway, "Put", PUT, Incoming(Metadata([(name, "default"), (name, "default")])))
    assert not seen
    await unary(gateway, "Put", PUT, Incoming(Metadata([("x-request-id", "1"), ("x-request-id", "2")])))
    assert len(seen) == 1


async def test_a_denial_is_reported_with_what_the_caller_is_not_told(instance: InProcess, metrics: CallMetrics) -> None:
    """Whoever listens learns who was refused what and why; a namespace that is not configured is counted as none."""

    def authenticate(_call: Call) -> None:
        raise Unauthenticated("not accepted") from ValueError("the signature is wrong")

    gateway = serving(instance, metrics, Policies(authenticate))
    heard: list[Denial] = []
    gateway.denials.listen(heard.append)
    for namespace in ("default", "x"):
        with pytest.raises(Unauthenticated, match=r"^not accepted$"):
            await unary(gateway, "Get", GET, Incoming(Metadata([("prism-namespace", namespace)])))
    assert [(each.namespace, each.operation, each.detail) for each in heard] == [
        ("default", f"{SERVICE}/Get", "the signature is wrong"),
        ("x", f"{SERVICE}/Get", "the signature is wrong"),
    ]
    assert sorted(gateway.denials.counts()) == [("", "UNAUTHENTICATED", 1), ("default", "UNAUTHENTICATED", 1)]


async def test_calls_and_streams_are_counted_by_outcome(instance: InProcess, metrics: CallMetrics) -> None:
    """Every call ends in one count, and none stays in flight."""
    gateway = serving(instance, metrics)
    await unary(gateway, "Put", PUT)
    scan = gateway.operations[f"/{SERVICE}/ScanStream"]
    chunks = [chunk async for chunk in gateway.stream(Incoming(), scan, kv.ScanStreamRequest().SerializeToString())]
    assert len(chunks) == 1
    codes = {each.operation: each.codes[Code.OK] for each in metrics.totals()}
    assert codes == {f"{SERVICE}/Put": 1, f"{SERVICE}/ScanStream": 1}
    assert set(metrics.in_flight().values()) == {0}
    assert instance.active == 0


class Stuck(InProcess):
    """An instance whose store never answers; says when a call has reached it."""

    __slots__ = ("reached",)

    async def call(self, operation: str, payload: bytes, context: Context) -> bytes:
        """Waits for ever."""
        self.reached.set()
        await asyncio.Event().wait()
        return b""


@pytest.mark.parametrize(("seconds", "code"), [(60.0, Code.CANCELLED), (0.0, Code.DEADLINE_EXCEEDED)])
async def test_a_cancelled_call_is_counted_as_late_where_its_deadline_has_passed(
    metrics: CallMetrics, seconds: float, code: Code
) -> None:
    """A client resets the stream at its own deadline: that is a deadline, not a cancellation."""
    plugin = discover().found["memory"]
    stuck = Stuck(plugin, plugin.config_model()(), plugin.credentials_model()())
    stuck.refusal, stuck.reached = "", asyncio.Event()
    gateway = serving(stuck, metrics)
    task = asyncio.create_task(unary(gateway, "Get", GET, Incoming(deadline=Deadline.after(seconds))))
    await stuck.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (counted,) = metrics.totals()
    assert counted.codes[code] == sum(counted.codes) == 1
    assert stuck.active == 0
