"""Instances: started once for all who ask, told apart by name, drained, ended; and what is refused."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct

from host.hosted import PLUGIN, PUT, Hosted, hosting, until
from plugins.toy_store.backend import ToyBackend
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, Outcome, PrismError
from prism.host.instance_options import InstanceOptions
from prism.plugins.rpc.metrics import PluginMetrics
from prism.redactor import Redactor
from prism.rpc_status import from_status
from prism.wire import Code, Deadline, Status, StatusError


@pytest.fixture
async def hosted(request: pytest.FixtureRequest) -> AsyncIterator[Hosted]:
    """A host on a toy store of the test's own."""
    async with hosting(request.node.name) as hosted:
        yield hosted


def error(answer: pb.InitializeResponse | pb.ExecuteResponse) -> PrismError:
    """The error inside a response."""
    assert not answer.success
    status = answer.status
    return from_status(Status(Code(status.code), status.message, status.SerializeToString()))


async def test_initialising_twice_is_harmless(hosted: Hosted) -> None:
    """One backend, one attachment; a further namespace joins it."""
    for namespace in ("n", "n", "m", ""):
        assert (await hosted.start(namespace=namespace)).success
    assert (hosted.store.started, dict(hosted.store.attached)) == (1, {"n": 1, "m": 1})


async def test_everybody_who_asks_at_once_gets_one_start(hosted: Hosted) -> None:
    """Two gateways' worth of Initialize, while the store is slow, start one backend for each name."""
    hosted.store.gate = asyncio.Event()
    asked = [asyncio.create_task(hosted.start(name, f"n{number}")) for number in range(5) for name in ("a", "b")]
    await until(lambda: len(hosted.instances._starting) == 2)
    hosted.store.gate.set()
    assert all(answer.success for answer in await asyncio.gather(*asked))
    assert hosted.store.started == 2


async def test_other_options_are_refused(hosted: Hosted) -> None:
    """An instance's name stands for its options."""
    assert (await hosted.start(password="first")).success
    refusal = error(await hosted.start(password="second"))
    assert isinstance(refusal, FailedPrecondition)
    assert refusal.reason == "INSTANCE_DIFFERS"
    assert "second" not in refusal.message


async def test_a_failed_start_may_be_tried_again(hosted: Hosted) -> None:
    """The answer says why, and on which store; nothing of the attempt is left."""
    hosted.store.down = "the store is away"
    answer = await hosted.start()
    assert "the store is away" in answer.error
    assert (answer.identity, error(answer).code) == (f"toy:{hosted.name}", Code.UNAVAILABLE)
    hosted.store.down = ""
    assert (await hosted.start()).success
    assert hosted.store.running == 1


async def test_no_secret_is_told(hosted: Hosted, caplog: pytest.LogCaptureFixture) -> None:
    """The toy store's errors speak of the password that they came with: neither the gateway nor the log sees it."""
    hosted.store.down = "the store is away"
    answer = await hosted.start(password="hunter2!")
    assert "connecting as ***" in answer.error
    assert "hunter2!" not in answer.error + str(answer.status) + caplog.text


def test_a_user_name_is_not_a_secret() -> None:
    """Every other credential is one, also before the plugin's own model is asked, and whatever it is called."""
    names = ("username", "user", "sentinel_username", "password", "login_token", "user_key")
    redactor = Redactor()
    InstanceOptions(AnyMessage(), {name: f"the {name}" for name in names}).teach(redactor)
    assert [name for name in names if redactor.scrub(f"the {name}") != "***"] == [*names[:3]]


async def test_who_gives_up_leaves_the_start_to_others(hosted: Hosted) -> None:
    """A gateway whose patience ends starts nothing a second time."""
    hosted.store.gate = asyncio.Event()
    with pytest.raises(DeadlineExceeded):
        await hosted.ask("Initialize", hosted.initialise(), pb.InitializeResponse, timeout=0.05)
    hosted.store.gate.set()
    assert (await hosted.start()).success
    assert hosted.store.started == 1


async def test_options_are_checked_by_the_plugins_own_model(hosted: Hosted) -> None:
    """Each field at fault is named, and no value is shown."""
    request = hosted.initialise(password="hunter2", nonsense="hunter2")
    options = Struct()
    options.update({"pool": {"size": 65}, "brokers": "hunter2"})
    request.config.Pack(options)
    refusal = error(await hosted.ask("Initialize", request, pb.InitializeResponse))
    assert isinstance(refusal, InvalidArgument)
    fields = {each.field for each in refusal.violations}
    assert fields == {"config.store", "config.pool.size", "config.brokers", "credentials.nonsense"}
    assert "hunter2" not in str(refusal.message) + str(refusal.violations)


@pytest.mark.parametrize("value", [b"\xff", b"\x0a\x02\x0a\x05"])
async def test_options_that_are_no_struct(hosted: Hosted, value: bytes) -> None:
    """Bytes that are none, and messages of another type, are the gateway's fault."""
    request = hosted.initialise()
    request.config.CopyFrom(AnyMessage(type_url="type.googleapis.com/google.protobuf.Struct", value=value))
    assert isinstance(error(await hosted.ask("Initialize", request, pb.InitializeResponse)), InvalidArgument)
    request.config.Pack(Duration(seconds=1))
    assert isinstance(error(await hosted.ask("Initialize", request, pb.InitializeResponse)), InvalidArgument)


async def test_a_protocol_that_is_not_spoken(hosted: Hosted) -> None:
    """The refusal names both sides' versions; with one in common that is what is spoken."""
    request = hosted.initialise()
    request.protocol_versions.extend([7, 8])
    refusal = error(await hosted.ask("Initialize", request, pb.InitializeResponse))
    assert refusal.reason == "PROTOCOL_VERSION"
    assert "7, 8" in refusal.message
    request.protocol_versions.append(1)
    answer = await hosted.ask("Initialize", request, pb.InitializeResponse)
    assert (answer.success, answer.protocol_version) == (True, 1)


async def test_another_plugin_is_refused(hosted: Hosted) -> None:
    """A gateway that reached the wrong process hears so before anything starts."""
    request = hosted.initialise()
    request.backend_type = "postgres"
    refusal = error(await hosted.ask("Initialize", request, pb.InitializeResponse))
    assert isinstance(refusal, InvalidArgument)
    assert "'toy'" in refusal.message
    assert hosted.store.started == 0


async def test_the_only_instance_needs_no_name(hosted: Hosted) -> None:
    """For people with a tool; with two of them the name is asked for."""
    await hosted.start("one")
    request = pb.HealthCheckRequest()
    assert (await hosted.ask("HealthCheck", request, pb.HealthCheckResponse)).status == pb.HealthCheckResponse.HEALTHY
    await hosted.start("two")
    with pytest.raises(FailedPrecondition, match="set prism-instance to one of them"):
        await hosted.ask("HealthCheck", request, pb.HealthCheckResponse)


async def test_a_sick_store_is_told(hosted: Hosted) -> None:
    """HealthCheck carries the backend's own words, and Ready is not ready while every store is down."""
    await hosted.start()
    hosted.store.sick = "the disk is full"
    answer = await hosted.ask("HealthCheck", pb.HealthCheckRequest(instance="i"), pb.HealthCheckResponse)
    assert (answer.status, answer.message) == (pb.HealthCheckResponse.UNHEALTHY, "the disk is full")
    ready = await hosted.ask_at("/prism.plugin.v1.HealthService/Ready", pb.ReadyRequest(), pb.ReadyResponse)
    assert (ready.ready, dict(ready.dependencies)) == (
        False,
        {f"toy:{hosted.name}": "unhealthy: the disk is full"},
    )


async def test_holds_data(hosted: Hosted) -> None:
    """Asked of the instance, by namespace."""
    await hosted.start()
    assert (await hosted.ask("Execute", hosted.put(), pb.ExecuteResponse)).success
    path = "/prism.plugin.v1.NamespaceService/HoldsData"
    for namespace, holds in (("n", True), ("other", False)):
        request = pb.HoldsDataRequest(instance="i", namespace=namespace)
        assert (await hosted.ask_at(path, request, pb.HoldsDataResponse)).holds_data is holds


async def test_shutdown_waits_for_work_in_flight(hosted: Hosted) -> None:
    """The call ends well, then the backend is stopped, then Shutdown is answered; new calls are refused at once."""
    await hosted.start()
    await hosted.start("other")
    hosted.store.gate = asyncio.Event()
    (instance,) = [each for each in hosted.instances.running if each.name == "i"]
    writing = asyncio.create_task(hosted.ask("Execute", hosted.put(), pb.ExecuteResponse))
    await until(lambda: instance.active)
    ending = asyncio.create_task(
        hosted.ask("Shutdown", pb.ShutdownRequest(instance="i", grace_seconds=10), pb.ShutdownResponse)
    )
    await until(lambda: instance.ended)
    with pytest.raises(FailedPrecondition) as refusal:
        await hosted.ask("Execute", hosted.put(), pb.ExecuteResponse)
    assert (refusal.value.reason, refusal.value.outcome) == ("INSTANCE_UNKNOWN", Outcome.NOT_APPLIED)
    assert not ending.done()
    hosted.store.gate.set()
    assert (await writing).success
    assert (await ending).success
    assert (hosted.store.running, [each.name for each in hosted.instances.running]) == (1, ["other"])


async def test_shutdown_of_what_is_not_there_succeeds(hosted: Hosted) -> None:
    """It has ended, whoever ended it."""
    request = pb.ShutdownRequest(instance="never")
    assert (await hosted.ask("Shutdown", request, pb.ShutdownResponse)).success


async def test_a_name_is_free_again_when_its_instance_has_ended(hosted: Hosted) -> None:
    """Initialize during the drain waits for its end: two of a kind that hands over never run at once."""
    await hosted.start()
    (instance,) = hosted.instances.running
    hosted.store.gate = asyncio.Event()
    writing = asyncio.create_task(hosted.ask("Execute", hosted.put(), pb.ExecuteResponse))
    await until(lambda: instance.active)
    shutdown = pb.ShutdownRequest(instance="i", grace_seconds=10)
    ending = asyncio.create_task(hosted.ask("Shutdown", shutdown, pb.ShutdownResponse))
    await until(lambda: instance.ended)
    again = asyncio.create_task(hosted.start(password="another"))
    hosted.store.gate.set()
    assert (await writing).success
    await ending
    assert (await again).success
    assert hosted.store.running == 1


async def test_instances_that_nobody_asks_for_end(hosted: Hosted) -> None:
    """A gateway that is gone for good leaves nothing behind; one that calls or probes keeps its own."""
    await hosted.start("gone")
    await hosted.start("kept")
    gone, kept = sorted(hosted.instances.running, key=lambda each: each.name)
    gone.seen -= 1000
    kept.seen += 1000
    ends = asyncio.create_task(hosted.instances.end_abandoned(0.05))
    await until(lambda: hosted.store.running == 1)
    ends.cancel()
    assert [each.name for each in hosted.instances.running] == ["kept"]


@pytest.mark.parametrize("method", ["Initialize", "HealthCheck", "Execute", "Shutdown"])
async def test_garbage_is_the_callers_fault(hosted: Hosted, method: str) -> None:
    """Bytes that are no request end the call with INVALID_ARGUMENT, and nothing else."""
    await hosted.start()

    with pytest.raises(StatusError) as refusal:
        await hosted.channel.unary(f"{PLUGIN}/{method}", b"\xff\xff\xff", deadline=Deadline.after(10))
    assert refusal.value.status.code is Code.INVALID_ARGUMENT
    assert (await hosted.ask("Execute", hosted.put(), pb.ExecuteResponse)).success


async def test_figures_by_message_and_by_text(hosted: Hosted) -> None:
    """Cumulative, per instance and of all; nothing that a caller can invent becomes a label."""
    await hosted.start()
    await hosted.start("other")
    for _ in range(3):
        assert (await hosted.ask("Execute", hosted.put(), pb.ExecuteResponse)).success
    invented = pb.ExecuteRequest(operation="invented/Operation", metadata=hosted.put().metadata)
    assert not (await hosted.ask("Execute", invented, pb.ExecuteResponse)).success
    asking = hosted.put()
    asking.metadata["prism-metrics"] = "1"
    assert (await hosted.ask("Execute", asking, pb.ExecuteResponse)).metrics.requests_total == 4
    path = "/prism.plugin.v1.MetricsService/GetMetrics"
    for instance, total in (("i", 4), ("other", 0), ("", 4)):
        answer = await hosted.ask_at(path, pb.GetMetricsRequest(instance=instance), pb.GetMetricsResponse)
        assert answer.plugin_metrics.requests_total == total
    assert f'operation="{PUT}"' in answer.metrics
    assert "invented" not in answer.metrics
    assert 'prism_backend_records{plugin="toy"' in answer.metrics


async def test_every_count_has_a_source_and_a_gauge_is_no_count(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway exports what it reads as counts as counters, and a backend's gauges as gauges: each once."""
    gauges = {"records": 3.0, "cache_hits": 7.0, "queries_executed": 9.0}
    monkeypatch.setattr(ToyBackend, "metrics", lambda _: gauges)
    await hosted.start()
    assert (await hosted.ask("Execute", hosted.put(), pb.ExecuteResponse)).success
    wrong = pb.ExecuteRequest(operation=PUT, metadata=hosted.put().metadata)
    assert not (await hosted.ask("Execute", wrong, pb.ExecuteResponse)).success
    path = "/prism.plugin.v1.MetricsService/GetMetrics"
    answer = await hosted.ask_at(path, pb.GetMetricsRequest(instance="i"), pb.GetMetricsResponse)
    read = PluginMetrics.of(answer.plugin_metrics)
    assert read.gauges == gauges
    assert read.counts is not None
    assert {name for name, count in read.counts.items() if count <= 0} == set()
    assert read.counts.keys().isdisjoint(gauges)


async def test_the_deadline_of_the_call_is_the_operations(hosted: Hosted) -> None:
    """The backend's method is cancelled at it, and the call counts as ended."""
    await hosted.start()
    hosted.store.gate = asyncio.Event()
    (instance,) = hosted.instances.running
    with pytest.raises(DeadlineExceeded):
        await hosted.ask("Execute", hosted.put(), pb.ExecuteResponse, timeout=0.05)
    await until(lambda: not instance.active)
    assert not hosted.store.data


async def test_a_caller_that_gives_up_cancels_the_method(hosted: Hosted) -> None:
    """Cancellation reaches the author's code over the socket."""
    await hosted.start()
    hosted.store.gate = asyncio.Event()
    (instance,) = hosted.instances.running
    writing = asyncio.create_task(hosted.channel.unary(f"{PLUGIN}/Execute", hosted.put().SerializeToString()))
    await until(lambda: instance.active)
    writing.cancel()
    await until(lambda: not instance.active)
    hosted.store.gate.set()
    assert not hosted.store.data
