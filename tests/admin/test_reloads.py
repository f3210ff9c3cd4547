"""A namespace's instance replaced on request: without a gap, or not at all where the new one does not come up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from control.world import Arrived, World, store, toy, toy_plugins, until
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.admin.service import Admin
from prism.errors import FailedPrecondition, NamespaceNotFound
from prism.sdk.capabilities import DeclaredCapabilities
from prism.wire import Metadata

OVERLAP = DeclaredCapabilities(reload="overlap")
OPERATOR = Arrived(Metadata([("prism-operator", "ann@desk")]))


class Operated:
    """A gateway's inside, and its admin service."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.admin = Admin(world.control)

    async def ask(self, request: Any) -> Any:
        """An operation by its request."""
        method = type(request).__name__.removesuffix("Request")
        operation = self.admin.operations[f"/prism.admin.v1.AdminService/{method}"]
        answer = await self.admin.unary(OPERATOR, operation, request.SerializeToString())
        return operation.response.FromString(answer)

    async def reload(self, namespace: str, version: str = "") -> pb.ReloadPluginResponse:
        """ReloadPlugin."""
        response: pb.ReloadPluginResponse = await self.ask(pb.ReloadPluginRequest(namespace=namespace, version=version))
        return response


@pytest.fixture
async def operate(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts a gateway with these namespaces on the backend `toy2`, which declares these capabilities."""
    worlds = []

    async def start(*names: str, capabilities: DeclaredCapabilities = OVERLAP) -> Operated:
        world = World(tmp_path, plugins=toy_plugins(capabilities=capabilities))
        worlds.append(world)
        world.write(*(toy(name, "s", "toy2") for name in names))
        await world.control.start()
        return Operated(world)

    yield start
    for world in worlds:
        await world.control.stop()


async def test_all_who_share_an_instance_move_to_the_new_one(operate: Callable[..., Any]) -> None:
    """The old one stops, the data stays, and the answer says how many moved."""
    operated: Operated = await operate("a", "b")
    await operated.world.put("a", b"1")
    (old,) = operated.world.control.instances
    answer = await operated.reload("a")
    (new,) = operated.world.control.instances
    assert new is not old
    assert (answer.namespaces, answer.generation) == (2, 2)
    assert answer.status.state == pb.PLUGIN_STATE_READY
    assert await operated.world.get("a") == b"1"
    await until(lambda: store("s").running == 1)
    assert store("s").started == 2


async def test_a_call_under_way_ends_on_the_old_one(operate: Callable[..., Any]) -> None:
    """While new calls are served by the new one."""
    operated: Operated = await operate("a")
    gate = store("s").gate = asyncio.Event()
    slow = asyncio.create_task(operated.world.put("a", b"slow"))
    await until(lambda: next(iter(operated.world.control.instances)).instance.active)
    store("s").gate = None
    await operated.reload("a")
    assert not slow.done()
    assert store("s").running == 2
    gate.set()
    await slow
    assert await operated.world.get("a") == b"slow"
    await until(lambda: store("s").running == 1)


@pytest.mark.parametrize("trouble", ["down", "sick"])
async def test_one_that_does_not_come_up_changes_nothing(operate: Callable[..., Any], trouble: str) -> None:
    """The refusal gives the reason and says that the old one serves; it is not tried again by itself."""
    operated: Operated = await operate("a")
    (old,) = operated.world.control.instances
    setattr(store("s"), trouble, "the disk is gone")
    with pytest.raises(FailedPrecondition, match=r"is served as before: .*the disk is gone") as caught:
        await operated.reload("a")
    assert caught.value.reason == "RELOAD_FAILED"
    setattr(store("s"), trouble, "")
    assert operated.world.control.instances == {old}
    await operated.world.put("a", b"1")
    await until(lambda: store("s").running == 1)
    assert len(operated.world.snapshots) == 1


async def test_where_only_one_may_run_the_old_one_ends_first(operate: Callable[..., Any]) -> None:
    """As its manifest says; calls wait meanwhile."""
    operated: Operated = await operate("a", capabilities=DeclaredCapabilities(reload="handover"))
    await operated.world.put("a", b"1")
    answer = await operated.reload("a")
    assert answer.status.state == pb.PLUGIN_STATE_READY
    assert await operated.world.get("a") == b"1"
    assert (store("s").started, store("s").running) == (2, 1)


async def test_another_version_than_was_asked_for_is_refused(operate: Callable[..., Any]) -> None:
    """Before anything is started; a leading v makes no difference."""
    operated: Operated = await operate("a")
    with pytest.raises(FailedPrecondition, match=r"not v9\.9\.9; .*restart the gateway") as caught:
        await operated.reload("a", "v9.9.9")
    assert caught.value.reason == "PLUGIN_VERSION"
    assert store("s").started == 1
    version = (await operated.reload("a")).status.version
    assert (await operated.reload("a", f"v{version}")).status.version == version


async def test_what_the_file_no_longer_has_cannot_be_reloaded(operate: Callable[..., Any]) -> None:
    """Nor can what it never had, nor anything while it is invalid."""
    operated: Operated = await operate("a", "b")
    with pytest.raises(NamespaceNotFound, match="no namespace 'c'"):
        await operated.reload("c")
    operated.world.write(toy("b", "s", "toy2"))
    with pytest.raises(NamespaceNotFound, match="no namespace 'a'"):
        await operated.reload("a")
    operated.world.write(toy("a", "s", "toy3"))
    with pytest.raises(FailedPrecondition, match=r"served as before: .*namespaces\[0\]\.backend"):
        await operated.reload("a")
    assert store("s").started == 1


async def test_the_whole_configuration_is_reloaded_on_request(operate: Callable[..., Any]) -> None:
    """What was added, changed and removed is told."""
    operated: Operated = await operate("a", "b")
    operated.world.write(toy("a", "s", "toy2", label="new"), toy("c", "s", "toy2"))
    answer = await operated.ask(pb.ReloadConfigurationRequest())
    assert (list(answer.added), list(answer.changed), list(answer.removed)) == (["c"], ["a"], ["b"])
    operated.world.write(toy("a", "s", "tyo2"))
    with pytest.raises(FailedPrecondition, match="did you mean 'toy2'") as caught:
        await operated.ask(pb.ReloadConfigurationRequest())
    assert caught.value.reason == "CONFIGURATION_INVALID"
