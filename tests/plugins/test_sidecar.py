"""The placement sidecar, with real processes: their start, their life, their end, and what they do wrong."""

import asyncio
import os
import signal

import pytest

from plugins.sidecars import (
    CONTEXT,
    GET,
    MEMORY,
    PUT,
    SERVING,
    Make,
    descriptors,
    get,
    is_running,
    is_there,
    mode,
    pid_of,
    put,
    says,
    script,
    socket_folder_of,
    told_at_start,
)
from prism.errors import BackendError, BackendUnavailable, InternalError, LimitExceeded, Outcome, PrismError
from prism.plugins.rpc import instance as rpc_instance
from prism.plugins.sidecar import process
from prism.sdk import HealthStatus
from prism.wire import Deadline


async def test_its_life(sidecar: Make) -> None:
    """Started, attached, asked, probed and stopped; nothing of it is left, no descriptor and no folder."""
    before = descriptors()
    instance = sidecar()
    await instance.load()
    pid = pid_of(instance)
    folder = socket_folder_of(instance)
    assert {mode(folder), *map(mode, folder.iterdir())} == {0o600, 0o700}
    await instance.start()
    await instance.attach("ns")
    await put(instance, b"v")
    assert await get(instance) == b"v"
    assert (instance.identity, await instance.holds_data("ns"), await instance.holds_data("other")) == (
        "memory:s", True, False,
    )  # fmt: skip
    assert (await instance.health()).status is HealthStatus.HEALTHY
    assert instance.metrics()
    await instance.stop()
    await instance.stop()
    assert not is_running(pid)
    assert (descriptors(), is_there(folder)) == (before, False)
    assert any("has started and serves the store memory:s" in line for line in instance.logs())


async def test_what_it_is_told_is_told_over_its_channel(sidecar: Make) -> None:
    """No credential is on its command line or in its environment, nor is any of the gateway's own secrets."""
    os.environ["PRISM_SECRET_TEST"] = "hunter2"
    instance = sidecar(script(SERVING + "asyncio.run(main())"), MEMORY, "swordfish")
    try:
        await instance.start()
        seen = told_at_start(pid_of(instance))
    finally:
        del os.environ["PRISM_SECRET_TEST"]
        await instance.stop()
    assert b"PRISM_PLUGIN_MAGIC_COOKIE" in seen
    assert b"swordfish" not in seen
    assert b"hunter2" not in seen


async def test_errors_arrive_whole(sidecar: Make) -> None:
    """Class, reason, field and outcome, as in the gateway's process."""
    instance = sidecar()
    await instance.start()
    await instance.attach("ns")
    with pytest.raises(PrismError) as caught:
        await instance.call(PUT, b"", CONTEXT)
    assert caught.value.violations
    assert caught.value.outcome is Outcome.NOT_APPLIED
    with pytest.raises(PrismError, match="request is not a"):
        await instance.call(GET, b"\xff", CONTEXT)
    await instance.stop()


async def test_a_death_is_noticed_at_once(sidecar: Make) -> None:
    """Calls under way fail with what is known of them, later ones are refused, and it may be started again."""
    instance = sidecar(script(HANGING))
    await instance.start()
    instance.refusal = ""
    call = asyncio.ensure_future(instance.call(PUT, b"", CONTEXT))
    await says(instance, "asked")
    os.kill(pid_of(instance), signal.SIGKILL)
    with pytest.raises(BackendError) as caught:
        await call
    assert (caught.value.reason, caught.value.outcome) == ("PLUGIN_LOST", None)
    assert caught.value.retry_after
    await instance.lost.wait()
    assert "was killed by SIGKILL" in instance.refusal
    with pytest.raises(BackendError) as refused:
        await instance.call(PUT, b"", CONTEXT)
    assert refused.value.outcome is Outcome.NOT_APPLIED
    await instance.start()
    assert not instance.lost.is_set()
    await instance.stop()


HANGING = (
    SERVING
    + """
async def hang(call):
    print("asked", file=sys.stderr, flush=True)
    await asyncio.Event().wait()

METHODS["/prism.plugin.v1.BackendPlugin/Execute"] = None
plain = answering
def answering(answer):
    return hang if answer is None else plain(answer)
asyncio.run(main())
"""
)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("b'\\xff\\xff\\xff'", "3 bytes that are not a valid ExecuteResponse"),
        ("pb.ExecuteResponse(success=True).SerializeToString()", "success but without a result"),
    ],
)
async def test_garbage_is_told_as_the_plugins_defect(sidecar: Make, answer: str, said: str) -> None:
    """And harms nothing: the next call is answered."""
    source = f"METHODS['/prism.plugin.v1.BackendPlugin/Execute'] = lambda _: {answer}\nasyncio.run(main())"
    instance = sidecar(script(SERVING + source))
    await instance.start()
    for _ in range(2):
        with pytest.raises(InternalError, match=said):
            await instance.call(PUT, b"", CONTEXT)
    await instance.stop()


async def test_errors_of_other_authors_are_translated(sidecar: Make) -> None:
    """A bare code in the response, and gRPC's own status."""
    source = """
async def refuse(call):
    raise StatusError(Status(Code.UNAUTHENTICATED, "the store knows no such user"))

METHODS["/prism.plugin.v1.BackendPlugin/Execute"] = lambda message: pb.ExecuteResponse(
    success=False, error="the disk is full", error_code=8).SerializeToString()
METHODS["/prism.plugin.v1.BackendPlugin/HealthCheck"] = None
plain = answering
def answering(answer):
    return refuse if answer is None else plain(answer)
asyncio.run(main())
"""
    instance = sidecar(script(SERVING + source))
    await instance.start()
    with pytest.raises(LimitExceeded, match="the disk is full"):
        await instance.call(PUT, b"", CONTEXT)
    with pytest.raises(BackendError, match="no such user") as caught:
        await instance.health()
    assert caught.value.reason == "BACKEND_CREDENTIALS"
    await instance.stop()


async def test_a_stuck_process_is_told_from_a_slow_store_and_killed(
    sidecar: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers nothing at all; what answers its health is not stuck."""
    monkeypatch.setattr(rpc_instance, "ALIVE_TIMEOUT", 0.3)
    instance = sidecar()
    await instance.start()
    assert not await instance.is_stuck()
    os.kill(pid_of(instance), signal.SIGSTOP)
    assert await instance.is_stuck()
    instance.give_up("it is stuck")
    await instance.lost.wait()
    await instance.stop()


async def test_one_that_will_not_end_is_ended(sidecar: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers no Shutdown and ignores SIGTERM; its own children end with it."""
    monkeypatch.setattr(process, "TERM_TIMEOUT", 0.2)
    source = "import signal, subprocess\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    source += "child = subprocess.Popen(['sleep', '300']); print('child', child.pid, file=sys.stderr, flush=True)\n"
    instance = sidecar(script(SERVING + source + "asyncio.run(main())"))
    await instance.start()
    child = int((await says(instance, "child")).split()[-1])
    pid = pid_of(instance)
    await instance.stop()
    assert not is_running(pid)
    while is_running(child):  # noqa: ASYNC110  # another's child tells nobody of its end
        await asyncio.sleep(0.005)


async def test_a_flood_of_output_is_bounded(sidecar: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The last lines are kept, the log takes some and says how many it did not, calls go on."""
    source = "import threading\ndef flood():\n    while True: print('x' * 80, file=sys.stderr)\n"
    source += "METHODS['/prism.plugin.v1.BackendPlugin/Execute'] = lambda _: b'\\x08\\x01\\x2a\\x00'\n"
    source += "threading.Thread(target=flood, daemon=True).start()\nasyncio.run(main())"
    caplog.set_level("INFO")
    instance = sidecar(script(SERVING + source))
    await instance.start()
    while not instance.status()["log_lines_dropped"]:
        assert await instance.call(PUT, b"", CONTEXT) == b""
    await instance.stop()
    assert len(instance.logs()) == 500
    assert "lines a second" in caplog.text
    assert sum(record.name == "prism.plugin.memory" for record in caplog.records) < 1000


async def test_an_instance_that_was_forgotten_is_told_again(sidecar: Make) -> None:
    """With its namespaces; the call that found it out is answered."""
    instance = sidecar()
    await instance.start()
    await instance.attach("ns")
    await instance._run.endpoint.shut_down(whole=False, grace=1, deadline=Deadline.after(5))  # type: ignore[union-attr]
    await put(instance, b"v")
    assert await get(instance) == b"v"


async def test_one_that_rests_takes_nothing_up_by_itself(sidecar: Make) -> None:
    """A call that comes late, or again, is refused: another instance has the store; `start` takes it back."""
    instance = sidecar()
    await instance.start()
    await instance.attach("ns")
    pid = pid_of(instance)
    await instance.rest()
    with pytest.raises(BackendUnavailable) as caught:
        await put(instance, b"v")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    assert (await instance.health()).status is HealthStatus.UNHEALTHY
    await instance.start()
    await instance.attach("ns")
    await put(instance, b"v")
    assert await get(instance) == b"v"
    assert pid_of(instance) == pid
