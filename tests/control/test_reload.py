"""Reloads: no failed call, no half-applied file, no namespace that leaves its data behind."""

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from control.world import QUICK, World, store, toy, until
from prism.errors import BackendUnavailable, NamespaceNotFound


async def test_only_what_changed_is_rebuilt(world: World) -> None:
    """Unchanged namespaces keep their very entry and instance; others come and go."""
    world.write(toy("a", "s1"), toy("b", "s2"), toy("c", "s2"))
    await world.control.start()
    before = world.gateway.snapshot
    world.write(toy("c", "s2", label="new"), toy("a", "s1"), toy("d", "s2"))
    report = await world.control.reload()
    after = world.gateway.snapshot
    assert (list(report.added), list(report.changed), list(report.removed)) == (["d"], ["c"], ["b"])
    assert (before.generation, after.generation) == (1, 2)
    assert after.namespaces["a"] is before.namespaces["a"]
    assert store("s1").started == 1
    with pytest.raises(NamespaceNotFound):
        await world.get("b")
    await world.put("d", b"1")
    await until(lambda: store("s2").running == 2)


async def test_a_reload_of_the_same_file_publishes_nothing(world: World) -> None:
    """Comments and order are not changes."""
    world.write(toy("a", "s"), toy("b", "s"))
    await world.control.start()
    world.write(toy("b", "s"), toy("a", "s"))
    report = await world.control.reload()
    assert str(report) == "configuration 1: namespaces unchanged"
    assert len(world.snapshots) == 1


async def test_an_invalid_file_changes_nothing_and_says_why(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Everything serves as before; the log holds every problem; the next valid file is applied."""
    world.write(toy("a", "s"))
    await world.control.start()
    world.write(toy("a", "s", pol=5), toy("b", "s", backend="tyo"))
    report = await world.control.reload()
    assert not report.applied
    assert {each.path for each in report.problems} == {"namespaces[0].config.pol", "namespaces[1].backend"}
    assert "namespaces[0].config.pol" in caplog.text
    assert len(world.snapshots) == 1
    await world.put("a", b"1")
    world.write(toy("a", "s", label="x"))
    assert (await world.control.reload()).applied


async def test_the_collector_rests_while_a_configuration_is_read_and_applied(world: World) -> None:
    """It would go through ten thousand namespaces again and again; it goes on afterwards, after a bad file too."""
    went_through: list[int] = []

    def note(phase: str, about: dict[str, int]) -> None:
        if phase == "start":
            went_through.append(about["generation"])

    def names(label: str) -> list[dict[str, Any]]:
        return [toy(f"n{number}", "s", label=label) for number in range(1000)]

    world.write(*names("old"))
    await world.control.start()
    world.write(*names("new"))
    gc.collect()  # whatever came before is no reason to go through the old ones
    gc.callbacks.append(note)
    try:
        assert (await world.control.reload()).applied
    finally:
        gc.callbacks.remove(note)
    assert gc.isenabled()
    assert len(went_through) <= 5, went_through  # a few of the youngest, between the parts of a reload
    assert 2 not in went_through, went_through
    world.write(toy("a", "s", pol=5))
    assert not (await world.control.reload()).applied
    assert gc.isenabled()


async def test_calls_under_way_end_on_the_old_instance(world: World) -> None:
    """The old one is stopped only when its last call has been answered; new calls go to the new one at once."""
    world.write(toy("a", "s"))
    await world.control.start()
    gate = store("s").gate = asyncio.Event()
    put = asyncio.ensure_future(world.put("a", b"old"))
    old = next(iter(world.control.instances))
    await until(lambda: old.instance.active)
    store("s").gate = None
    world.write(toy("a", "s", label="x"))
    await world.control.reload()
    assert await world.get("a") is None
    assert store("s").running == 2
    gate.set()
    await put
    await until(lambda: store("s").running == 1)
    assert await world.get("a") == b"old"


async def test_the_old_instance_serves_while_the_new_one_is_down(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The report says why; other changes apply; the change is made by itself when the store takes it."""
    store("s").password = "one"
    world.write(toy("a", "s", credentials={"password": "one"}))
    await world.control.start()
    world.write(toy("a", "s", credentials={"password": "two"}), toy("b", "other"))
    report = await world.control.reload()
    assert list(report.added) == ["b"]
    assert list(report.changed) == []
    assert "refuses the password ***" in report.held["a"]
    assert "namespace a: the change was not applied (" in caplog.text
    await world.put("a", b"1")
    store("s").password = "two"
    old = world.gateway.snapshot.namespaces["a"].instances[0]
    await until(lambda: world.gateway.snapshot.namespaces["a"].instances[0] is not old)
    assert await world.get("a") == b"1"


async def test_a_new_namespace_whose_store_is_down_is_added(world: World) -> None:
    """It refuses with the reason, and serves when the store is up."""
    world.write(toy("a", "s"))
    await world.control.start()
    store("later").down = "connection refused"
    world.write(toy("a", "s"), toy("b", "later"))
    report = await world.control.reload()
    assert (list(report.added), report.held) == (["b"], {})
    with pytest.raises(BackendUnavailable, match="connection refused"):
        await world.get("b")
    store("later").down = ""
    await until(lambda: not world.gateway.snapshot.namespaces["b"].instances[0].refusal)


async def test_a_mistake_in_a_new_namespace_can_be_corrected(world: World) -> None:
    """A store that was never reached holds nothing back: pointing elsewhere is applied, and noted."""
    store("tpyo").down = "no such host"
    world.write(toy("a", "tpyo"))
    await world.control.start()
    world.write(toy("a", "typo"))
    report = await world.control.reload()
    assert list(report.changed) == ["a"]
    assert "never reached" in report.notes[0]
    await world.put("a", b"1")


async def test_an_instance_is_renewed_when_it_is_asked_for(world: World) -> None:
    """Though nothing has changed; with all the namespaces that share it, and no other."""
    world.write(toy("a", "s"), toy("b", "s"), toy("c", "s2"))
    await world.control.start()
    await world.put("a", b"1")
    report = await world.control.reload(namespace="a", force=True)
    assert list(report.changed) == ["a", "b"]
    assert await world.get("a") == b"1"
    assert (store("s").started, store("s2").started) == (2, 1)
    store("s").down = "connection refused"
    held = await world.control.reload(namespace="b", force=True)
    assert "connection refused" in held.held["a"]
    assert await world.get("a") == b"1"
    with pytest.raises(NamespaceNotFound):
        await world.control.reload(namespace="z", force=True)


async def test_a_namespace_that_cannot_be_attached_to_the_new_instance_stays(world: World) -> None:
    """Attaching comes before the swap."""
    world.write(toy("a", "s"), toy("b", "s", label="x"))
    await world.control.start()
    store("s").refused.add("a")
    world.write(toy("a", "s", label="x"), toy("b", "s", label="x"))
    assert "could not be prepared" in (await world.control.reload()).held["a"]
    await world.put("a", b"1")
    entries = world.gateway.snapshot.namespaces.values()
    assert not any(each.refusal for entry in entries for each in entry.instances)


async def test_what_takes_long_to_start_is_applied_once_it_is_up(tmp_path: Path) -> None:
    """A second look finds its namespaces prepared: it does not prepare them again, and start over without end."""
    world = World(tmp_path, timing=replace(QUICK, start_timeout=0.01, reload_timeout=30.0))
    try:
        world.write(toy("a", "s"))
        await world.control.start()
        gate = store("s").gate = asyncio.Event()
        world.write(toy("a", "s", label="x"))
        reload = asyncio.create_task(world.control.reload())
        await until(lambda: world.control._pending)  # nothing else tells of it
        gate.set()
        report = await reload
        assert (list(report.changed), dict(report.held)) == (["a"], {})
        assert (store("s").started, store("s").attached) == (2, {"a": 2})
    finally:
        await world.control.stop()


async def test_a_changed_secret_is_a_change(world: World) -> None:
    """A reload looks secrets and environment up again."""
    world.environment["PRISM_SECRET_PW"] = "one"
    world.write(toy("a", "s", credentials={"password": "{{ secret:PW }}"}))
    await world.control.start()
    world.environment["PRISM_SECRET_PW"] = "two"
    assert list((await world.control.reload()).changed) == ["a"]


async def test_what_needs_a_restart_is_said(world: World) -> None:
    """Addresses cannot change under their clients; the drain time-out can."""
    world.write(toy("a", "s"))
    await world.control.start()
    world.write(toy("a", "s"), gateway={"listen": "127.0.0.1:1", "drain_timeout": 1})
    report = await world.control.reload()
    assert list(report.notes) == ["gateway.listen has changed; restart the gateway for it to take effect"]
    assert world.control.config.gateway.drain_timeout == 1


async def test_tls_is_neither_put_on_an_open_port_nor_taken_off(world: World, tmp_path: Path) -> None:
    """It is said which it speaks; other files of a section that was and is there are told with a snapshot at once."""
    for name in ("one", "two"):
        issued = trustme.CA().issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.crt")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    one, two = (
        {"tls": {"cert": str(tmp_path / f"{name}.crt"), "key": str(tmp_path / f"{name}.key")}}
        for name in ("one", "two")
    )
    world.write(toy("a", "s"), admin=one)
    await world.control.start()
    before = world.gateway.snapshot
    assert (await world.control.reload()).applied
    assert world.gateway.snapshot is before
    world.write(toy("a", "s"), gateway=one, admin=two)
    report = await world.control.reload()
    assert world.gateway.snapshot is not before
    on = "gateway.tls: turning TLS on or off requires a restart; still serving plaintext"
    assert (report.applied, [*report.notes]) == (True, [on])
    world.write(toy("a", "s"), gateway=two)
    off = "admin.tls: turning TLS on or off requires a restart; still serving TLS"
    assert [*(await world.control.reload()).notes] == [off]


async def test_reloads_come_one_after_another(world: World) -> None:
    """Many at once end with the last file, one instance and increasing generations."""
    world.write(toy("a", "s"))
    await world.control.start()
    for label in "bcdefgh":
        world.write(toy("a", "s", label=label))
        await asyncio.gather(*(world.control.reload() for _ in range(5)))
    generations = [each.generation for each in world.snapshots]
    assert generations == list(range(1, 9))
    await until(lambda: store("s").running == 1)


async def test_reloads_under_load_fail_no_call(
    world: World, caplog: pytest.LogCaptureFixture, often: Callable[[int], int]
) -> None:
    """Callers write and read back all the while, on the toy and on memory; every call succeeds, nothing is lost."""
    caplog.set_level(logging.ERROR)
    memory = {"name": "m", "backend": "memory", "config": {"store": "test-load"}}
    world.write(toy("a", "s"), memory)
    await world.control.start()
    done = asyncio.Event()
    calls, reloads = 0, often(200)

    async def caller(namespace: str, record: str) -> None:
        nonlocal calls
        while not done.is_set():
            value = str(calls).encode()
            await world.put(namespace, value, record)
            await asyncio.sleep(0.001)  # a loop that never rests would keep the thread that reads the file waiting
            assert await world.get(namespace, record) == value
            calls += 1

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(caller("am"[number % 2], f"r{number}"))
        for number in range(reloads):
            options = {"store": "test-load", "sweep_interval": 1 + number}
            world.write(toy("a", "s", label=str(number)), memory | {"config": options})
            assert list((await world.control.reload()).changed) == ["a", "m"]
        done.set()
    assert calls > reloads
    assert world.gateway.snapshot.generation == reloads + 1
    await until(lambda: store("s").running == 1)
