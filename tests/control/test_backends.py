"""A namespace with a backend per abstraction: who serves what, and what a reload moves."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from control.world import Arrived, World, store, toy, toy_plugins, until
from prism.control.disabled import Disabled
from prism.errors import FailedPrecondition, NamespaceDisabled, Unimplemented
from prism.interfaces import cache as pb
from prism.sdk import DeclaredCapabilities
from prism.wire import Metadata

KEYVALUE, CACHE = "prism.data.v1.KeyValue", "prism.data.v1.Cache"


def shop(keyvalue: dict[str, Any], cache: dict[str, Any]) -> dict[str, Any]:
    """An entry with two backends."""
    return {"name": "shop", "backends": {"keyvalue": keyvalue, "cache": cache}}


def on_toy(name: str, **more: Any) -> dict[str, Any]:
    """A backend of it."""
    return {key: value for key, value in toy("", name, **more).items() if key != "name"}


def on_memory(name: str) -> dict[str, Any]:
    """A backend of it."""
    return {"backend": "memory", "config": {"store": name}}


async def cached(world: World, value: bytes = b"") -> bytes | None:
    """Sets an entry where a value is given, and gets it."""
    arrived = Arrived(Metadata([("prism-namespace", "shop")]))

    async def call(method: str, request: Any) -> bytes:
        return await world.gateway.unary(arrived, world.gateway.operations[f"/{CACHE}/{method}"], request)

    if value:
        await call("Set", pb.SetRequest(key=b"k", value=value).SerializeToString())
    answer = pb.GetResponse.FromString(await call("Get", pb.GetRequest(key=b"k").SerializeToString()))
    return answer.value if answer.HasField("value") else None


async def test_each_abstraction_goes_to_its_backend(world: World) -> None:
    """What none serves is UNIMPLEMENTED, with the services that there are."""
    world.write(shop(on_toy("s1"), on_memory("b1")))
    await world.control.start()
    await world.put("shop", b"1")
    assert await cached(world, b"2") == b"2"
    targets = world.gateway.snapshot.namespaces["shop"].targets
    assert {service: each.instance.backend for service, each in targets.items()} == {KEYVALUE: "toy", CACHE: "memory"}
    arrived = Arrived(Metadata([("prism-namespace", "shop")]))
    with pytest.raises(Unimplemented, match=r"serves prism\.data\.v1\.Cache, prism\.data\.v1\.KeyValue, not .*PubSub"):
        await world.gateway.unary(arrived, world.gateway.operations["/prism.data.v1.PubSub/Publish"], b"")


async def test_a_reload_moves_only_the_cache(world: World) -> None:
    """The other instance and its target are not touched; data that it holds is no reason against it."""
    world.write(shop(on_toy("s1"), on_memory("b2")))
    await world.control.start()
    await world.put("shop", b"1")
    await cached(world, b"2")
    before = world.gateway.snapshot.namespaces["shop"].targets
    world.write(shop(on_toy("s1"), on_memory("b3")))
    report = await world.control.reload()
    assert (report.problems, list(report.changed), report.held) == ((), ["shop"], {})
    after = world.gateway.snapshot.namespaces["shop"].targets
    assert after[KEYVALUE] is before[KEYVALUE]
    assert after[CACHE].instance is not before[CACHE].instance
    assert store("s1").started == 1
    assert (await world.get("shop"), await cached(world)) == (b"1", None)


async def test_a_backend_that_keeps_data_is_not_left_by_its_abstraction(world: World) -> None:
    """The place in the file is the backend's."""
    world.write(shop(on_toy("s1"), on_memory("b4")))
    await world.control.start()
    await world.put("shop", b"1")
    world.write(shop(on_toy("s2"), on_memory("b4")))
    (problem,) = (await world.control.reload()).problems
    assert problem.path == "namespaces[0].backends.keyvalue.config"
    assert "namespace 'shop' holds data" in problem.message
    assert await world.get("shop") == b"1"


async def test_the_cache_leaves_a_backend_that_keeps_the_items(world: World) -> None:
    """From one line to two: the items stay where they are, the cache starts empty, and the report says so."""
    world.write({"name": "shop", "backend": "memory", "config": {"store": "b5"}})
    await world.control.start()
    await world.put("shop", b"1")
    await cached(world, b"2")
    world.write(shop(on_memory("b5"), on_memory("b6")))
    report = await world.control.reload()
    assert report.applied
    assert list(report.notes) == ["namespace 'shop': cache moved to another store and starts empty there"]
    assert (await world.get("shop"), await cached(world)) == (b"1", None)


async def test_what_cannot_be_taken_over_is_held_back_alone(world: World) -> None:
    """The rest of the namespace changes; the change that waits is made when its store is up."""
    world.write(shop(on_toy("s1"), on_memory("b7")))
    await world.control.start()
    await world.put("shop", b"1")
    store("s1").password = "new"
    world.write(shop(on_toy("s1", credentials={"password": "late"}), on_memory("b8")))
    report = await world.control.reload()
    assert (list(report.changed), list(report.held)) == (["shop"], ["shop"])
    assert "refuses the password" in report.held["shop"]
    assert await world.get("shop") == b"1"
    assert await cached(world) is None
    old = world.gateway.snapshot.namespaces["shop"].targets[KEYVALUE].instance
    store("s1").password = "late"
    await until(lambda: world.gateway.snapshot.namespaces["shop"].targets[KEYVALUE].instance is not old)


async def test_an_abstraction_comes_and_goes(world: World) -> None:
    """The instances of the others stay."""
    world.write({"name": "shop", "backends": {"keyvalue": on_toy("s1")}})
    await world.control.start()
    world.write(shop(on_toy("s1"), on_memory("b9")))
    assert list((await world.control.reload()).changed) == ["shop"]
    await cached(world, b"1")
    world.write({"name": "shop", "backends": {"keyvalue": on_toy("s1")}})
    assert list((await world.control.reload()).changed) == ["shop"]
    with pytest.raises(Unimplemented):
        await cached(world)
    assert store("s1").started == 1


async def test_a_handover_beside_another_move(tmp_path: Path) -> None:
    """Calls of the one abstraction wait for its new instance; the other has moved."""
    world = World(tmp_path, plugins=toy_plugins(capabilities=DeclaredCapabilities(reload="handover")))
    world.write(shop(on_toy("s", backend="toy2"), on_memory("b10")))
    await world.control.start()
    await world.put("shop", b"1")
    store("s").gate = asyncio.Event()
    world.write(shop(on_toy("s", backend="toy2", label="x"), on_memory("b11")))
    reload = asyncio.ensure_future(world.control.reload())
    await until(lambda: store("s").running == 0)
    waiting = asyncio.ensure_future(world.get("shop"))
    store("s").gate.set()
    assert list((await reload).changed) == ["shop"]
    assert (await waiting, await cached(world)) == (b"1", None)
    assert (store("s").started, store("s").running) == (2, 1)
    await world.control.stop()


async def test_one_instance_of_it_is_replaced(world: World) -> None:
    """By the abstraction that it serves; an abstraction that is not served is refused."""
    world.write(shop(on_toy("s1"), on_memory("b12")))
    await world.control.start()
    before = world.gateway.snapshot.namespaces["shop"].targets
    await world.control.reload(namespace="shop", abstraction="cache", force=True)
    after = world.gateway.snapshot.namespaces["shop"].targets
    assert after[KEYVALUE] is before[KEYVALUE]
    assert after[CACHE].instance is not before[CACHE].instance
    with pytest.raises(FailedPrecondition, match="does not serve 'pubsub'; it serves keyvalue, cache"):
        await world.control.reload(namespace="shop", abstraction="pubsub", force=True)
    with pytest.raises(FailedPrecondition, match="served by several plugins; name the abstraction"):
        await world.control.reload(namespace="shop", force=True, version="7")
    await world.control.reload(namespace="shop", force=True)
    assert store("s1").started == 2


async def test_a_namespace_is_disabled_as_a_whole(world: World) -> None:
    """All its abstractions refuse, and serve again."""
    world.write(shop(on_toy("s1"), on_memory("b13")))
    await world.control.start()
    world.control.disable("shop", Disabled("me", "", 0.0))
    with pytest.raises(NamespaceDisabled):
        await world.get("shop")
    with pytest.raises(NamespaceDisabled):
        await cached(world)
    world.control.enable("shop")
    assert (await world.get("shop"), await cached(world)) == (None, None)
