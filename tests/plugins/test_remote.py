"""The placement remote, and sidecars that run already: real processes, reached, lost, and found again."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from client.relay import Relay
from plugins.sidecars import GET, MEMORY, get, put
from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.context import Context
from prism.errors import BackendError, BackendUnavailable, DeadlineExceeded, FailedPrecondition, Outcome
from prism.interfaces.keyvalue import GetRequest, GetResponse
from prism.plugins.placement import Endpoints, Placement, Socket, Tls
from prism.plugins.rpc.remote import Remote
from prism.sdk import HealthStatus
from prism.wire import Deadline, Method, Server, ServerCall

READ = GetRequest(id="r", keys=[b"k"]).SerializeToString()


def remote(placement: Placement) -> Remote:
    assert isinstance(placement, Endpoints | Socket)
    return Remote(MEMORY, placement, {"store": "s"}, {})


async def until_disconnected(instance: Remote) -> None:
    """Wait until the first endpoint's end has reached us; of a call that goes out before, the outcome is unknown."""
    while instance._endpoints[0].connected:  # noqa: ASYNC110 - a turn of the loop or two
        await asyncio.sleep(0)


class Standing:
    """A memory plugin that somebody else runs, on a unix socket that stays the same."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        listen = ("--listen", f"unix:{self.socket}", "--log-level", "error")
        command = (sys.executable, "-m", "prism.sdk", "memory", *listen)
        self.process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert self.process.stdout is not None
        assert await self.process.stdout.readline()

    async def kill(self) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
        await self.process.communicate()


@pytest.fixture
async def standing(tmp_path: Path) -> AsyncIterator[Standing]:
    plugin = Standing(tmp_path / "p.sock")
    await plugin.start()
    yield plugin
    await plugin.kill()


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[RemotePlugins]:
    plugins = RemotePlugins(MEMORY, tmp_path)
    yield plugins
    await plugins.stop()


async def endpoints(plugins: RemotePlugins, count: int) -> Endpoints:
    """As many, over mutual TLS."""
    section = await plugins.start(count)
    tls, addresses = section["tls"], section.get("endpoints", [section.get("endpoint")])
    assert isinstance(tls, dict)
    assert isinstance(addresses, list)
    return Endpoints(tuple(addresses), Tls(Path(tls["ca"]), Path(tls["cert"]), Path(tls["key"]), tls["server_name"]))


async def test_a_sidecar_that_runs_already(standing: Standing) -> None:
    """It is attached by its socket; the end of the instance leaves its process alone."""
    instance = remote(Socket(standing.socket))
    await instance.start()
    await instance.attach("ns")
    await put(instance, b"v")
    assert await get(instance) == b"v"
    assert (await instance.health()).status is HealthStatus.HEALTHY
    await instance.stop()
    assert standing.process is not None
    assert standing.process.returncode is None


async def test_a_process_that_was_started_anew_is_told_of_its_instance(standing: Standing) -> None:
    """Between two calls: the second one is answered all the same."""
    instance = remote(Socket(standing.socket))
    await instance.start()
    await instance.attach("ns")
    await put(instance, b"v")
    await standing.kill()
    await standing.start()
    assert await get(instance) is None  # its memory is new
    await put(instance, b"w")
    assert await get(instance) == b"w"
    await instance.stop()


async def test_the_last_endpoint_that_is_lost_makes_it_refuse(standing: Standing) -> None:
    """At once, with nothing applied; it may be started again."""
    instance = remote(Socket(standing.socket))
    await instance.start()
    await instance.attach("ns")
    instance.refusal = ""
    await standing.kill()
    await until_disconnected(instance)
    with pytest.raises(BackendError) as caught:
        await put(instance, b"v")
    assert caught.value.outcome is Outcome.NOT_APPLIED
    await instance.lost.wait()
    assert "no endpoint" in instance.refusal
    with pytest.raises(BackendUnavailable):
        await instance.start()
    await standing.start()
    await instance.start()
    await put(instance, b"v")
    await instance.stop()


async def test_an_endpoint_that_fails_leaves_the_rotation_until_it_is_back(elsewhere: RemotePlugins) -> None:
    """Calls go to the others meanwhile; over mutual TLS."""
    placement = await endpoints(elsewhere, 2)
    instance = remote(placement)
    await instance.start()
    await instance.attach("ns")
    await asyncio.gather(*(put(instance, b"v") for _ in range(20)))
    first = elsewhere._processes[0]
    await asyncio.to_thread(first.kill)
    await until_disconnected(instance)
    for _ in range(20):
        await put(instance, b"v")
    assert [each["in_rotation"] for each in instance.status()["endpoints"]] == [False, True]  # type: ignore[attr-defined]
    assert (await instance.health()).status is HealthStatus.DEGRADED
    await instance.stop()


async def test_a_connection_that_died_without_a_word_is_found_by_a_call(elsewhere: RemotePlugins) -> None:
    """What is swallowed on the way costs the calls under way their time, and no others."""
    placement = await endpoints(elsewhere, 1)
    async with Relay(placement.addresses[0]) as relay, asyncio.timeout(30):
        instance = remote(replace(placement, addresses=(relay.address,)))
        await instance.start()
        await instance.attach("ns")
        await put(instance, b"v")
        relay.swallow()
        failed = 0
        while True:
            try:
                answer = await instance.call(GET, READ, Context("ns", Deadline.after(2)))
            except DeadlineExceeded:
                failed += 1
            else:
                break
        assert GetResponse.FromString(answer).items[0].value == b"v"
        assert failed <= 2
        await instance.stop()


class Odd:
    """A process that serves nothing but the beginning of an instance, as it is told to.

    Attributes:
        refusals: how often a namespace is refused, before one is attached.
        stores: what it calls its store, from one beginning to the next; the last one stays.
    """

    def __init__(self, socket: Path, refusals: int = 0, stores: Sequence[str] = ("odd:1",)) -> None:
        self.address = f"unix:{socket}"
        self.refusals = refusals
        self.stores = list(stores)
        service = "/prism.plugin.v1.BackendPlugin"
        methods = (Method(f"{service}/Initialize", self._initialise), Method(f"{service}/HealthCheck", self._health))
        self.server = Server({each.path: each for each in methods}.get)

    async def _initialise(self, call: ServerCall) -> bytes:
        if pb.InitializeRequest.FromString(call.message).namespace and self.refusals:
            self.refusals -= 1
            return pb.InitializeResponse(error="the namespace is locked; unlock it").SerializeToString()
        store = self.stores.pop(0) if len(self.stores) > 1 else self.stores[0]
        return pb.InitializeResponse(success=True, identity=store).SerializeToString()

    async def _health(self, _call: ServerCall) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("refusals", "stores"),
    [(1, ["odd:1"]), (0, ["odd:2"] * 3 + ["odd:1"])],
    ids=["refuses a namespace", "is on another store"],
)
async def test_an_endpoint_that_may_not_come_back_yet_is_tried_again(
    tmp_path: Path, refusals: int, stores: list[str]
) -> None:
    """It is down at first, then there but unfit, and in the rotation as soon as it is fit."""
    first, second = Odd(tmp_path / "1"), Odd(tmp_path / "2", refusals, stores)
    instance = remote(Endpoints((first.address, second.address)))
    async with first.server, second.server:
        await first.server.listen(first.address)
        await instance.start()
        await instance.attach("ns")
        await second.server.listen(second.address)
        await asyncio.wait(instance._reviving.values())
        assert (second.refusals, second.stores) == (0, ["odd:1"])
        assert [each["in_rotation"] for each in instance.status()["endpoints"]] == [True, True]  # type: ignore[attr-defined]
        await instance.stop()


async def test_what_is_no_plugin_is_told(tmp_path: Path) -> None:
    """A gateway's port, say: the message names the address to look at."""
    address = f"unix:{tmp_path / 'p'}"
    async with Server({}.get) as server:
        await server.listen(address)
        instance = remote(Endpoints((address,)))
        with pytest.raises(FailedPrecondition, match=r"is not a Prism plugin .* check the address"):
            await instance.start()
        await instance.stop()


async def test_who_has_no_certificate_of_the_authority_is_refused(elsewhere: RemotePlugins, tmp_path: Path) -> None:
    """A gateway without one, and a plugin whose name is another."""
    placement = await endpoints(elsewhere, 1)
    assert placement.tls is not None
    for tls in (Tls(placement.tls.ca, server_name="plugin.test"), Tls(placement.tls.ca, placement.tls.cert,
                placement.tls.key, "other.test")):  # fmt: skip
        instance = remote(Endpoints(placement.addresses, tls))
        with pytest.raises(BackendUnavailable):
            await instance.start()
        await instance.stop()
    (tmp_path / "empty.pem").touch()
    instance = remote(Endpoints(placement.addresses, Tls(tmp_path / "empty.pem")))
    with pytest.raises(FailedPrecondition, match="is invalid"):
        await instance.start()
    await instance.stop()
