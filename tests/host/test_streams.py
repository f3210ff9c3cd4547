"""ExecuteStream: its head goes when a subscription is in place, and it is told why it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from prism._proto.plugin.v1 import plugin_pb2 as pb
from prism.host.testing import RunningPlugin, running
from prism.interfaces.keyvalue import PutItem, PutRequest, ScanStreamRequest
from prism.interfaces.pubsub import Message, PublishRequest, SubscribeRequest
from prism.wire import ClientCall, Code, Deadline, StatusError

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBSCRIBE = "prism.data.v1.PubSub/Subscribe"
SCAN = "prism.data.v1.KeyValue/ScanStream"
PATH = "/prism.plugin.v1.BackendPlugin/ExecuteStream"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plugin() -> AsyncIterator[RunningPlugin]:
    """A memory plugin in a process of its own."""
    async with running("memory", {"store": "streams"}) as plugin:
        await plugin.attach("n")
        yield plugin


def open_stream(plugin: RunningPlugin) -> ClientCall:
    """A stream, not begun."""
    return plugin.channel.open(PATH, deadline=Deadline.after(20))


def request(operation: str, params: bytes = b"", instance: str = "test") -> bytes:
    """The first message of a stream."""
    metadata = {"prism-namespace": "n", "prism-instance": instance}
    return pb.ExecuteStreamRequest(operation=operation, raw_params=params, metadata=metadata).SerializeToString()


async def test_the_head_says_that_nothing_is_missed_from_now_on(plugin: RunningPlugin) -> None:
    """The headers come before any message, and the message published right after them is there."""
    async with open_stream(plugin) as call:
        await call.send(request(SUBSCRIBE, SubscribeRequest(topic_pattern="news.*").SerializeToString()))
        await call.headers()
        await plugin.call(PublishRequest(topic="news.today", payload=b"it rains"), namespace="n")
        answer = pb.ExecuteStreamResponse.FromString(await call.receive() or b"")
    assert Message.FromString(answer.raw_result).payload == b"it rains"


async def test_typed_parameters_give_typed_results(plugin: RunningPlugin) -> None:
    """For people with a tool."""
    await plugin.call(PutRequest(id="typed", items=[PutItem(key=b"k", value=b"v")]), namespace="n")
    asked = pb.ExecuteStreamRequest(operation=SCAN, metadata={"prism-namespace": "n", "prism-instance": "test"})
    asked.typed_params.Pack(ScanStreamRequest(id="typed"))
    async with open_stream(plugin) as call:
        await call.send(asked.SerializeToString())
        answer = pb.ExecuteStreamResponse.FromString(await call.receive() or b"")
        assert await call.receive() is None
    assert answer.typed_result.TypeName() == "prism.data.v1.KeyValueScanStreamResponse"


@pytest.mark.parametrize(
    ("operation", "params", "code", "sentence"),
    [
        (SCAN, b"\xff", Code.INVALID_ARGUMENT, "is not a prism.data.v1.KeyValueScanStreamRequest"),
        ("prism.data.v1.KeyValue/Get", b"", Code.UNIMPLEMENTED, "call it with Execute"),
        ("no.such/Operation", b"", Code.UNIMPLEMENTED, "not served by this plugin"),
    ],
)
async def test_an_error_is_the_last_message(
    plugin: RunningPlugin, operation: str, params: bytes, code: Code, sentence: str
) -> None:
    """It is final and carries the error whole; the call itself ends with OK."""
    async with open_stream(plugin) as call:
        await call.send(request(operation, params))
        last = pb.ExecuteStreamResponse.FromString(await call.receive() or b"")
        assert await call.receive() is None
    assert (last.is_final, last.status.code, sentence in last.status.message) == (True, code, True)


async def test_faults_of_the_protocol_end_the_call(plugin: RunningPlugin) -> None:
    """A stream without a request, one of garbage, and one on an instance that is not there."""
    async with open_stream(plugin) as call:
        await call.end()
        with pytest.raises(StatusError, match="before its first request"):
            await call.receive()
    for message, reason in (
        (b"\xff", "is not a prism.plugin.v1"),
        (request(SCAN, b"", "none"), "call Initialize first"),
    ):
        async with open_stream(plugin) as call:
            await call.send(message)
            with pytest.raises(StatusError, match=reason):
                await call.receive()


async def test_a_drain_tells_its_streams(plugin: RunningPlugin) -> None:
    """When the grace is over, an open subscription ends with UNAVAILABLE, from which a client takes it up elsewhere."""
    own = pb.InitializeRequest(instance="drained", namespace="n")
    assert (await plugin.ask("Initialize", own, pb.InitializeResponse)).success
    async with AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(open_stream(plugin)) for _ in range(3)]
        for call in calls:
            message = SubscribeRequest(topic_pattern="news").SerializeToString()
            await call.send(request(SUBSCRIBE, message, "drained"))
            await call.headers()
        ended = pb.ShutdownRequest(instance="drained", grace_seconds=0.05)
        assert (await plugin.ask("Shutdown", ended, pb.ShutdownResponse)).success
        for call in calls:
            last = pb.ExecuteStreamResponse.FromString(await call.receive() or b"")
            assert (last.is_final, last.status.code) == (True, Code.UNAVAILABLE)
            assert await call.receive() is None


async def test_a_reader_that_does_not_keep_up_holds_its_stream(plugin: RunningPlugin) -> None:
    """It holds up no other call; of 8 MiB nothing is lost when it reads on."""
    values = {b"%02d" % number: b"v" * (1 << 19) for number in range(16)}
    for key, value in values.items():
        await plugin.call(PutRequest(id="large", items=[PutItem(key=key, value=value)]), namespace="n")
    async with open_stream(plugin) as call:
        await call.send(request(SCAN, ScanStreamRequest(id="large").SerializeToString()))
        await call.headers()
        await asyncio.gather(*(plugin.health() for _ in range(20)))
        assert len([each async for each in call]) >= 8
