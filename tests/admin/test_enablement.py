"""A namespace switched off and on again by an operator."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from admin.test_reloads import Operated
from control.world import World, store, toy
from prism._proto.admin.v1 import admin_pb2 as pb
from prism.errors import NamespaceDisabled, NamespaceNotFound, Outcome


@pytest.fixture
async def operated(tmp_path: Path) -> AsyncIterator[Operated]:
    """A gateway with the namespaces `a` and `b` on one instance."""
    world = World(tmp_path)
    world.write(toy("a", "s"), toy("b", "s"))
    await world.control.start()
    yield Operated(world)
    await world.control.stop()


async def test_calls_are_refused_with_who_did_it_and_how_to_undo_it(operated: Operated) -> None:
    """Nothing is applied, and the other namespaces of the instance are served."""
    answer = await operated.ask(pb.DisablePluginRequest(namespace="a", reason="moving\nto db2"))
    assert answer.changed
    assert answer.status.state == pb.PLUGIN_STATE_DISABLED
    assert (answer.status.disabled.by, answer.status.disabled.reason) == ("ann@desk", "moving to db2")
    with pytest.raises(NamespaceDisabled) as caught:
        await operated.world.put("a", b"1")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    sentence = caught.value.message
    assert sentence == "namespace 'a' is disabled: moving to db2; retry later"
    assert "disabled by ann@desk" in answer.status.reason
    assert answer.status.reason.endswith("`prism plugin enable a` enables it again")
    await operated.world.put("b", b"1")
    assert store("s").data.keys() == {("b", "r")}


async def test_it_is_served_again_when_it_is_enabled(operated: Operated) -> None:
    """By the same instance, which was left running; both orders may be repeated."""
    await operated.world.put("a", b"1")
    await operated.ask(pb.DisablePluginRequest(namespace="a", reason="first"))
    again = await operated.ask(pb.DisablePluginRequest(namespace="a", reason="second"))
    assert (again.changed, again.status.disabled.reason) == (False, "first")
    enabled = await operated.ask(pb.EnablePluginRequest(namespace="a"))
    assert (enabled.changed, enabled.status.state) == (True, pb.PLUGIN_STATE_READY)
    assert not (await operated.ask(pb.EnablePluginRequest(namespace="a"))).changed
    assert await operated.world.get("a") == b"1"
    assert store("s").started == 1


async def test_it_outlives_reloads_while_the_namespace_is_configured(operated: Operated) -> None:
    """Also those that change it; one that was taken out and comes back is served."""
    await operated.ask(pb.DisablePluginRequest(namespace="a"))
    operated.world.write(toy("a", "s", label="new"), toy("b", "s"))
    await operated.world.control.reload()
    with pytest.raises(NamespaceDisabled):
        await operated.world.get("a")
    operated.world.write(toy("b", "s"))
    await operated.world.control.reload()
    operated.world.write(toy("a", "s"), toy("b", "s"))
    await operated.world.control.reload()
    assert await operated.world.get("a") is None


async def test_what_is_not_configured_is_not_found(operated: Operated) -> None:
    """With the nearest name."""
    for request in (pb.DisablePluginRequest(namespace="c"), pb.EnablePluginRequest(namespace="c")):
        with pytest.raises(NamespaceNotFound):
            await operated.ask(request)


async def test_the_catalogue_counts_it_as_unavailable(operated: Operated) -> None:
    """As its callers do."""
    await operated.ask(pb.DisablePluginRequest(namespace="a"))
    answer = await operated.ask(pb.ListPluginsRequest())
    counts = {each.name: (each.namespaces, each.namespaces_unavailable) for each in answer.plugins}
    assert counts["toy"] == (2, 1)
