"""The life of an instance over the protocol: initialised, called, probed, shut down; in a process of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.errors import FailedPrecondition, InvalidArgument, Outcome
from prism.host.testing import RunningPlugin, running
from prism.interfaces.keyvalue import GetRequest, PutItem, PutRequest, ScanStreamRequest

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plugin() -> AsyncIterator[RunningPlugin]:
    """A memory plugin in a process of its own, with the instance `test`."""
    async with running("memory", {"store": "lifecycle"}) as plugin:
        yield plugin


async def test_an_instance_serves(plugin: RunningPlugin) -> None:
    """What was put is read, in one response and in a stream."""
    await plugin.call(PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]), namespace="serves")
    (item,) = (await plugin.call(GetRequest(id="r", keys=[b"k"]), namespace="serves")).items
    assert item.value == b"v"
    chunks = [each async for each in plugin.stream(ScanStreamRequest(), namespace="serves")]
    assert [(each.id, [item.key for item in each.items]) for each in chunks] == [("r", [b"k"])]


async def test_what_initialise_tells(plugin: RunningPlugin) -> None:
    """Version, identity, the operations that are served, and the protocol agreed upon."""
    told = plugin.initialised
    assert (told.identity, told.plugin_version, told.protocol_version) == ("memory:lifecycle", "0.1.0", 1)
    assert "prism.data.v1.KeyValue/Get" in told.supported_operations


async def test_the_store_is_probed(plugin: RunningPlugin) -> None:
    """HealthCheck asks the instance's backend."""
    assert (await plugin.health()).status == pb.HealthCheckResponse.HEALTHY


async def test_an_error_travels_in_the_response(plugin: RunningPlugin) -> None:
    """With its reason, its outcome and the fields at fault, on a call whose gRPC status is OK."""
    with pytest.raises(InvalidArgument) as refusal:
        await plugin.call(PutRequest(id="r"))
    assert refusal.value.outcome is Outcome.NOT_APPLIED
    assert [each.field for each in refusal.value.violations] == ["items"]


async def test_use_before_initialise_is_refused(plugin: RunningPlugin) -> None:
    """So that a gateway knows that the plugin has been restarted, and initialises it again."""
    metadata = {"prism-namespace": "default", "prism-instance": "another"}
    request = pb.ExecuteRequest(operation="prism.data.v1.KeyValue/Put", metadata=metadata)
    with pytest.raises(FailedPrecondition) as refusal:
        await plugin.ask("Execute", request, pb.ExecuteResponse)
    assert (refusal.value.reason, refusal.value.outcome) == ("INSTANCE_UNKNOWN", Outcome.NOT_APPLIED)


async def test_a_namespace_must_be_attached(plugin: RunningPlugin) -> None:
    """A restarted plugin knows none, though its instance may be back already."""
    request = pb.ExecuteRequest(operation="prism.data.v1.KeyValue/Get", metadata={"prism-namespace": "never-named"})
    with pytest.raises(FailedPrecondition) as refusal:
        await plugin.ask("Execute", request, pb.ExecuteResponse)
    assert refusal.value.reason == "INSTANCE_UNKNOWN"


async def test_shutdown_ends_the_process_in_order() -> None:
    """The exit code is 0, and nothing listens any more."""
    async with running("memory") as plugin:
        await plugin.call(PutRequest(id="r", items=[PutItem(key=b"k", value=b"v")]))
    assert plugin.process.returncode == 0
