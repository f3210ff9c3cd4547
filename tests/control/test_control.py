"""A gateway's start and end, stores that are down, and what callers are told."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter

import pytest

from control.world import QUICK, World, store, toy, toy_plugins, until
from prism.config.sections.root import Config, NamespaceEntry
from prism.config.yaml.problem import ConfigInvalid
from prism.control.control import Control
from prism.control.describe import state
from prism.control.timing import Timing
from prism.errors import BackendUnavailable, DataLoss, GatewayUnavailable, Outcome
from prism.gateway.snapshot import Snapshot


async def test_namespaces_with_equal_options_share_an_instance(world: World) -> None:
    """One connection serves both; their data stays apart."""
    world.write(toy("a", "s"), toy("b", "s"), toy("c", "s", label="other"))
    await world.control.start()
    await world.put("a", b"1")
    await world.put("b", b"2")
    assert (await world.get("a"), await world.get("b")) == (b"1", b"2")
    assert store("s").started == 2
    assert store("s").attached == {"a": 1, "b": 1, "c": 1}
    assert len(world.control.instances) == 2


async def test_an_invalid_file_starts_nothing(world: World) -> None:
    """Every problem is told before any store is touched."""
    world.write(toy("a", "s"), toy("b", "s", backend="tyo"))
    with pytest.raises(ConfigInvalid):
        await world.control.start()
    assert world.snapshots == []
    assert store("s").started == 0


async def test_a_store_that_is_down_is_tried_again_while_others_serve(world: World) -> None:
    """Calls to it are refused at once with the reason; when it comes up they succeed, without anybody's doing."""
    store("down").down = "connection refused"
    world.write(toy("a", "up"), toy("b", "down"))
    await world.control.start()
    await world.put("a", b"1")
    with pytest.raises(BackendUnavailable, match=r"connection refused.*keeps retrying") as caught:
        await world.put("b", b"1")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert state("b", world.control.served["b"].instances[0])["status"] == "unavailable"
    store("down").down = ""
    await until(lambda: not world.gateway.snapshot.namespaces["b"].instances[0].refusal)
    await world.put("b", b"1")
    assert store("down").attached == {"b": 1}


async def test_a_store_that_is_busy_at_the_start_is_unavailable(world: World, tmp_path: Path) -> None:
    """Its conflict is the start's and not the calls'; what an earlier attempt has found is no longer said."""
    file = tmp_path / "s.db"
    file.write_bytes(b"\xa5" * 8192)
    world.write({"name": "s", "backend": "sqlite", "config": {"path": str(file), "busy_timeout": 0}})
    await world.control.start()
    with pytest.raises(DataLoss):
        await world.get("s")
    good = tmp_path / "good.db"
    with closing(sqlite3.connect(good)) as writer:
        writer.execute("CREATE TABLE t (c)")
        writer.execute("BEGIN EXCLUSIVE")
        good.replace(file)
        await until(lambda: "is locked" in world.gateway.snapshot.namespaces["s"].instances[0].refusal)
        with pytest.raises(BackendUnavailable, match="is locked"):
            await world.get("s")


async def test_a_store_that_hangs_does_not_hold_up_the_start(tmp_path: Path) -> None:
    """The others serve after the start's patience; the hanging one says that it is starting."""
    world = World(tmp_path, timing=Timing(start_timeout=0.05))
    store("slow").gate = asyncio.Event()
    world.write(toy("a", "up"), toy("b", "slow"))
    await world.control.start()
    await world.put("a", b"1")
    with pytest.raises(BackendUnavailable, match="is starting"):
        await world.get("b")
    store("slow").gate.set()
    await until(lambda: not world.gateway.snapshot.namespaces["b"].instances[0].refusal)
    await world.control.stop()


async def test_no_secret_reaches_refusal_state_or_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Not even when a store's error repeats the password."""
    caplog.set_level(logging.DEBUG)
    store("s").password = "another"
    world.write(toy("a", "s", credentials={"password": "hunter2"}))
    await world.control.start()
    refusal = world.gateway.snapshot.namespaces["a"].instances[0].refusal
    assert "refuses the password ***" in refusal
    assert "refuses the password" in caplog.text
    assert "hunter2" not in caplog.text + refusal + repr(state("a", world.control.served["a"].instances[0]))


async def test_one_namespace_that_cannot_be_attached_leaves_the_others(world: World) -> None:
    """It alone is refused, with the reason, and serves when the trouble is over."""
    store("s").refused.add("b")
    world.write(toy("a", "s"), toy("b", "s"))
    await world.control.start()
    await world.put("a", b"1")
    with pytest.raises(BackendUnavailable, match="'b' could not be prepared: the store refuses b"):
        await world.put("b", b"1")
    store("s").refused.clear()
    await until(lambda: not world.gateway.snapshot.namespaces["b"].instances[0].refusal)
    await world.put("b", b"1")


async def test_a_probe_that_fails_degrades_and_does_not_refuse(world: World) -> None:
    """Once it has come up calls are tried: the driver knows best."""
    world.write(toy("a", "s"))
    await world.control.start()
    store("s").sick = "half of the replicas are gone"
    await until(lambda: state("a", world.control.served["a"].instances[0])["status"] == "degraded")
    assert state("a", world.control.served["a"].instances[0])["reason"] == "half of the replicas are gone"
    assert world.gateway.snapshot.namespaces["a"].instances[0].probed.message == "half of the replicas are gone"
    await world.put("a", b"1")
    store("s").sick = ""
    await until(lambda: state("a", world.control.served["a"].instances[0])["status"] == "ready")


async def test_an_unhealthy_store_does_not_begin_to_serve(world: World) -> None:
    """It is started and probed before its first call."""
    store("s").sick = "no quorum"
    world.write(toy("a", "s"))
    await world.control.start()
    assert "no quorum" in world.gateway.snapshot.namespaces["a"].instances[0].refusal
    store("s").sick = ""
    await until(lambda: not world.gateway.snapshot.namespaces["a"].instances[0].refusal)


async def test_stop_lets_calls_end(world: World) -> None:
    """Calls under way at the stop are answered; then nothing is left connected."""
    world.write(toy("a", "s"))
    await world.control.start()
    store("s").gate = asyncio.Event()
    put = asyncio.ensure_future(world.put("a", b"1"))
    await until(lambda: any(each.instance.active for each in world.control.instances))
    stop = asyncio.ensure_future(world.control.stop())
    await until(lambda: not stop.done())
    store("s").gate.set()
    await put
    await stop
    assert store("s").running == 0
    with pytest.raises(GatewayUnavailable):
        await world.control.reload()


async def test_stop_does_not_wait_for_ever(world: World) -> None:
    """After the drain time-out the backend is stopped under its calls."""
    world.write(toy("a", "s"), gateway={"drain_timeout": 0.01})
    await world.control.start()
    store("s").gate = asyncio.Event()
    put = asyncio.ensure_future(world.put("a", b"1"))
    await until(lambda: any(each.instance.active for each in world.control.instances))
    await world.control.stop()
    store("s").gate.set()
    with pytest.raises(BackendUnavailable):
        await put


async def test_a_backend_that_hangs_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The gateway ends all the same, and the log says who did not."""
    world = World(tmp_path, timing=Timing(stop_timeout=0.01))
    world.write(toy("a", "s"))
    await world.control.start()
    store("s").hangs = True
    await world.control.stop()
    assert "the instance of plugin toy could not be stopped cleanly" in caplog.text


async def test_a_start_that_is_given_up_leaves_nothing(world: World) -> None:
    """As when the operator presses Ctrl-C while a store hangs."""
    store("slow").gate = asyncio.Event()
    world.write(toy("a", "up"), toy("b", "slow"))
    start = asyncio.ensure_future(world.control.start())
    await until(lambda: store("up").running)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await world.control.stop()
    assert store("up").running == 0
    assert len(asyncio.all_tasks()) == 1


async def test_stop_before_start_and_after_a_failed_one() -> None:
    """Whatever has happened, stopping is fine."""
    control = Control(Path("/no/such/file.yaml"), lambda _: None, plugins=toy_plugins())
    await control.stop()
    control = Control(Path("/no/such/file.yaml"), lambda _: None, plugins=toy_plugins())
    with pytest.raises(ConfigInvalid, match="no such file"):
        await control.start()
    await control.stop()


async def test_a_configuration_without_a_file() -> None:
    """What `prism serve` runs when it is given none."""
    snapshots: list[Snapshot] = []
    entry = NamespaceEntry(name="default", backend="memory", config={"store": "by-hand"})
    async with Control(Config(namespaces=(entry,)), snapshots.append, plugins=toy_plugins(), timing=QUICK) as control:
        await control.begin()
        assert list(snapshots[0].namespaces) == ["default"]
        assert (await control.reload()).changed == []


@pytest.mark.slow
async def test_ten_thousand_namespaces(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """They are one instance, and each is attached once; the time is recorded, and judged by the bench."""
    world = World(tmp_path)
    world.write(*(toy(f"t{number}", "s") for number in range(10_000)))
    begun = perf_counter()
    await world.control.start()
    record_property("seconds", perf_counter() - begun)
    assert len(world.names) == 10_000
    assert store("s").started == 1
    assert set(store("s").attached.values()) == {1}
    await world.put("t9999", b"1")
    before = world.gateway.snapshot
    world.write(*(toy(f"t{number}", "s") for number in range(9_999)), toy("t9999", "s", label="changed"))
    assert (await world.control.reload()).changed == ["t9999"]
    after = world.gateway.snapshot
    assert all(after.namespaces[name] is before.namespaces[name] for name in before.namespaces if name != "t9999")
    await world.control.stop()
