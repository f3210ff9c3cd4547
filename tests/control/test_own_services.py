"""The operations of a plugin's own come and go by reload."""

from dataclasses import replace
from pathlib import Path

from google.protobuf.wrappers_pb2 import BytesValue

from control.world import QUICK, Arrived, World, store, toy, toy_plugins, until
from prism.acceptance.relay.service import NAME
from prism.plugins.discovery import Plugins
from prism.wire import Metadata
from relays import FOLDER, RELAY, changed, other_descriptors

WITH = {"name": "a", "backend": "relay", "services": [NAME]}
WITHOUT = {"name": "a", "backend": "relay"}


async def test_they_come_and_go_by_reload(tmp_path: Path) -> None:
    """No instance is replaced for it, and a reload that changes nothing leaves the operations the same objects."""
    world = World(tmp_path, plugins=Plugins({**toy_plugins().found, "relay": RELAY}))
    try:
        world.write(WITHOUT)
        await world.control.start()
        instances = world.control.instances
        path = f"/{NAME}/Echo"
        assert path not in world.gateway.operations
        world.write(WITH)
        assert (await world.control.reload()).changed == ["a"]
        operation = world.gateway.operations[path]
        message = BytesValue(value=b"x").SerializeToString()
        arrived = Arrived(Metadata([("prism-namespace", "a")]))
        assert await world.gateway.unary(arrived, operation, message) == message
        world.write(WITH, {**WITHOUT, "name": "b"})
        await world.control.reload()
        assert world.gateway.operations[path] is operation
        world.write(WITHOUT)
        await world.control.reload()
        assert path not in world.gateway.operations
        assert world.control.instances == instances
    finally:
        await world.control.stop()


async def test_another_description_of_a_namespace_is_a_change(tmp_path: Path) -> None:
    """The file that the manifest names is read anew at each reload."""
    plugin = changed(tmp_path, (other_descriptors()))
    world = World(tmp_path, plugins=Plugins({**toy_plugins().found, "relay": plugin}))
    try:
        world.write(WITH)
        await world.control.start()
        assert world.gateway.operations[f"/{NAME}/Open"].reads
        changed(tmp_path, (FOLDER / "relay.binpb").read_bytes())
        assert (await world.control.reload()).changed == ["a"]
        assert not world.gateway.operations[f"/{NAME}/Open"].reads
    finally:
        await world.control.stop()


async def test_a_namespace_that_is_held_back_keeps_its_services(tmp_path: Path) -> None:
    """What it would move to is down: it is served as before, its own operations too."""
    world = World(
        tmp_path, plugins=Plugins({**toy_plugins().found, "relay": RELAY}), timing=replace(QUICK, reload_timeout=0.2)
    )
    try:
        world.write({**WITH, "abstraction": "keyvalue"})
        await world.control.start()
        store("s").down = "connection refused"
        world.write(toy("a", "s"))
        assert "connection refused" in (await world.control.reload()).held["a"]
        assert NAME in world.gateway.snapshot.namespaces["a"].targets
        assert f"/{NAME}/Echo" in world.gateway.operations
        store("s").down = ""
        await until(lambda: NAME not in world.gateway.snapshot.namespaces["a"].targets)
        assert f"/{NAME}/Echo" not in world.gateway.operations
    finally:
        await world.control.stop()
