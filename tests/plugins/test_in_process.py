"""The in-process placement, with a real backend behind it."""

import asyncio
import inspect
from pathlib import Path

import pytest

from plugins.toy_store.config import ToyConfig, ToyCredentials
from plugins.toy_store.store import STORES
from prism.context import Context
from prism.errors import BackendUnavailable, FailedPrecondition, Outcome, Unimplemented
from prism.interfaces.keyvalue import GetRequest, GetResponse, PutItem, PutRequest
from prism.plugins.discovery import Plugin
from prism.plugins.in_process import InProcess
from prism.plugins.instance import Instance
from prism.plugins.manifest import read
from prism.sdk import HealthStatus

PLUGIN = Plugin(read((Path(__file__).parent / "toy_store" / "plugin.toml").read_bytes()), "plugins.toy_store")
PUT, GET = "prism.data.v1.KeyValue/Put", "prism.data.v1.KeyValue/Get"
CONTEXT = Context("ns")


@pytest.fixture
def instance(request: pytest.FixtureRequest) -> InProcess:
    """An instance on a store of its own, not started."""
    return InProcess(PLUGIN, ToyConfig(store=request.node.name), ToyCredentials())


async def test_calls_reach_the_backend(instance: InProcess) -> None:
    """What one call puts, another gets."""
    await instance.start()
    put = PutRequest(id="a", items=[PutItem(key=b"k", value=b"v")])
    await instance.call(PUT, put.SerializeToString(), CONTEXT)
    answer = await instance.call(GET, GetRequest(id="a", keys=[b"k"]).SerializeToString(), CONTEXT)
    assert GetResponse.FromString(answer).items[0].value == b"v"
    await instance.stop()


async def test_call_gives_the_bound_operations_own_coroutine(instance: InProcess) -> None:
    """No frame of the placement stands between the gateway and the binding."""
    await instance.start()
    call = instance.call(GET, GetRequest(id="a", keys=[b"k"]).SerializeToString(), CONTEXT)
    assert inspect.iscoroutine(call)
    assert call.cr_code.co_qualname == "_Bound.call"
    await call
    await instance.stop()


async def test_it_refuses_until_it_is_opened_and_after_it_was_stopped(instance: InProcess) -> None:
    """Neither a call before the start nor one after the stop reaches anything; nothing was applied by either."""
    face: Instance = instance
    assert "starting" in face.refusal
    with pytest.raises(BackendUnavailable) as early:
        await instance.call(PUT, b"", CONTEXT)
    await instance.start()
    instance.refusal = ""
    await instance.stop()
    await instance.stop()
    with pytest.raises(BackendUnavailable, match="stopped") as late:
        await instance.call(PUT, b"", CONTEXT)
    assert early.value.outcome is late.value.outcome is Outcome.NOT_APPLIED
    assert "stopped" in instance.refusal


async def test_an_unknown_operation_is_unimplemented(instance: InProcess) -> None:
    """An operation of another abstraction is refused by name."""
    await instance.start()
    with pytest.raises(Unimplemented, match=r"prism\.data\.v1\.Queue/Publish"):
        await instance.call("prism.data.v1.Queue/Publish", b"", CONTEXT)
    await instance.stop()


async def test_drained_waits_for_the_calls_under_way(instance: InProcess) -> None:
    """It ends with the release of the last call, and at once where there is none."""
    await instance.drained()
    instance.acquire()
    instance.acquire()
    drained = asyncio.ensure_future(instance.drained())
    await asyncio.sleep(0)
    instance.release()
    await asyncio.sleep(0)
    assert not drained.done()
    instance.release()
    await drained
    assert instance.active == 0


async def test_a_failed_start_may_be_repeated(instance: InProcess, request: pytest.FixtureRequest) -> None:
    """The store comes up later than the gateway."""
    store = STORES[request.node.name]
    store.down = "connection refused"
    with pytest.raises(BackendUnavailable):
        await instance.start()
    store.down = ""
    await instance.start()
    assert store.running == 1
    await instance.stop()
    assert store.running == 0


async def test_before_it_is_loaded_it_knows_nothing(instance: InProcess) -> None:
    """Health, figures and identity are answered all the same."""
    assert (await instance.health()).status is HealthStatus.UNHEALTHY
    assert (instance.metrics(), instance.identity) == ({}, "")
    await instance.load()
    assert instance.identity.startswith("toy:")


async def test_a_plugin_that_cannot_be_constructed_is_named() -> None:
    """A class that takes other arguments is a defect of the plugin."""
    manifest = PLUGIN.manifest.model_copy(update={"backend": "plugins.toy_store.store:ToyStore"})
    config = ToyConfig(store="x")
    with pytest.raises(FailedPrecondition, match="plugin 'toy' is defective"):
        await InProcess(Plugin(manifest, "toy"), config, None).start()  # type: ignore[arg-type]  # never used
