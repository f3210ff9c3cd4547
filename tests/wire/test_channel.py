"""The channel, against our own server."""

import asyncio

import pytest

from prism.wire import Channel, ChannelConfig, ChannelState, ClientCall, Code, Deadline, Metadata, Server, StatusError
from prism.wire.client import channel as channel_module
from wire.service import Service


@pytest.mark.parametrize("size", [0, 1, 100, 16_379, 16_380, 65_530, 65_536, 4_000_000])
async def test_a_unary_call_is_answered_whatever_its_size(channel: Channel, size: int) -> None:
    """One frame, a full one, one byte more, a full window and many windows all come back."""
    message = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await channel.unary("/test.Test/Echo", message) == message


async def test_more_calls_at_once_than_the_server_takes(channel: Channel) -> None:
    """Those beyond its limit wait for a place, and answers find their calls."""
    messages = [b"%d" % number for number in range(2500)]
    calls = [channel.unary("/test.Test/Echo", message) for message in messages]
    assert await asyncio.gather(*calls) == messages


async def test_metadata_and_deadline_reach_the_handler(channel: Channel, service: Service) -> None:
    """Text and binary metadata, several values of a key, and the time that is left."""
    metadata = Metadata([("name", "a"), ("name", "b"), ("raw-bin", b"\x00\xff"), ("authorization", "Bearer x")])
    await channel.unary("/test.Test/Echo", b"", metadata=metadata, deadline=Deadline.after(60))
    call = service.call
    assert call is not None
    assert [pair for pair in call.metadata if pair[0] != "user-agent"] == list(metadata)
    assert call.metadata.get_all("name") == ("a", "b")
    assert call.deadline is not None
    assert 50 < call.deadline.remaining() <= 60.1


async def test_a_conversation(channel: Channel) -> None:
    """Both directions stream at once, past every window."""
    messages = [bytes([number]) * 100_000 for number in range(100)]
    async with channel.open("/test.Test/Chat", metadata=Metadata([("name", "world")])) as call:

        async def send() -> None:
            for message in messages:
                await call.send(message)
            await call.end()

        sending = asyncio.create_task(send())
        assert list(await call.headers()) == [("hello", "world")]
        assert [message async for message in call] == messages
        assert await call.receive() is None
        await sending


async def test_a_request_stream_compressed(channel: Channel) -> None:
    """Compressed and plain messages may alternate."""
    async with channel.open("/test.Test/Count", compression="gzip") as call:
        for number in range(10):
            await call.send(b"x" * 1000, compressed=number % 2 == 0)
        await call.end()
        assert await call.receive() == b"10000"
        assert await call.receive() is None


async def test_a_compressed_response(channel: Channel) -> None:
    """What the server compresses is given plain."""
    assert await channel.unary("/test.Test/Compressed", b"x" * 100_000) == b"x" * 100_000


async def test_a_status_keeps_message_details_and_metadata(channel: Channel) -> None:
    """The same by a unary call and by a stream."""
    with pytest.raises(StatusError) as caught:
        await channel.unary("/test.Test/Fail", b"")
    async with channel.open("/test.Test/Fail") as call:
        await call.send(b"")
        await call.end()
        with pytest.raises(StatusError) as again:
            await call.receive()
        assert call.trailing == Metadata([("why", "Fail")])
    for error in (caught.value, again.value):
        assert (error.status.code, error.status.message) == (Code.NOT_FOUND, "no \u2713 100 %\n")
        assert error.status.details == b"\x08\x05"
        assert error.trailing == Metadata([("why", "Fail")])
        assert not error.unprocessed


async def test_trailing_metadata_of_a_stream(channel: Channel) -> None:
    """It is there once the stream has ended."""
    async with channel.open("/test.Test/Repeat") as call:
        await call.send(b"again")
        await call.end()
        assert [message async for message in call] == [b"again"] * 5
        assert call.trailing == Metadata([("seen", "5"), ("raw-bin", b"\x00\xff")])


async def test_a_deadline_ends_call_and_handler(channel: Channel, service: Service) -> None:
    """The caller is let go, and the handler too."""
    with pytest.raises(StatusError) as caught:
        await channel.unary("/test.Test/Hang", b"", deadline=Deadline.after(0.05))
    assert caught.value.status.code is Code.DEADLINE_EXCEEDED
    await service.ended.wait()
    assert service.call is not None
    assert service.call.code is Code.DEADLINE_EXCEEDED


async def test_a_passed_deadline_sends_nothing(channel: Channel) -> None:
    """The call fails as one that was never processed."""
    await channel.unary("/test.Test/Echo", b"")
    with pytest.raises(StatusError) as caught:
        await channel.unary("/test.Test/Hang", b"", deadline=Deadline.after(-1))
    assert caught.value.status.code is Code.DEADLINE_EXCEEDED
    assert caught.value.unprocessed


async def test_a_cancelled_caller_cancels_the_handler(channel: Channel, service: Service) -> None:
    """By cancelling its task, or by leaving the block of a call."""
    calling = asyncio.create_task(channel.unary("/test.Test/Hang", b""))
    await service.started.wait()
    calling.cancel()
    await service.ended.wait()
    with pytest.raises(asyncio.CancelledError):
        await calling
    service.started.clear()
    service.ended.clear()
    async with channel.open("/test.Test/HangStream") as call:
        await call.send(b"")
        await call.end()
        assert await call.receive() == b"first"
        await service.started.wait()
    await service.ended.wait()


async def test_no_server_there() -> None:
    """The call fails at once with where and why, and may be repeated."""
    async with Channel("127.0.0.1:1") as channel:
        with pytest.raises(StatusError) as caught:
            await channel.unary("/test.Test/Echo", b"")
        assert caught.value.status.code is Code.UNAVAILABLE
        assert caught.value.unprocessed
        assert "127.0.0.1:1" in caught.value.status.message
        assert channel.state is ChannelState.TRANSIENT_FAILURE
    assert channel.state is ChannelState.CLOSED


async def test_wait_for_ready_until_the_server_is_there(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A patient call goes out once it can, an impatient one has failed before."""
    target = f"unix:{tmp_path_factory.mktemp('wire')}/socket"
    async with Channel(target, config=ChannelConfig(backoff_initial=0.01)) as channel:
        patient = asyncio.create_task(channel.unary("/test.Test/Echo", b"x", wait_for_ready=True))
        with pytest.raises(StatusError):
            await channel.unary("/test.Test/Echo", b"y")
        await server.listen(target)
        assert await patient == b"x"
        assert channel.state is ChannelState.READY


async def test_a_new_server_is_found_after_the_old_one_has_gone(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A drained connection is replaced without a failed call."""
    target = f"unix:{tmp_path_factory.mktemp('wire')}/socket"
    async with Channel(target) as channel:
        for _ in range(3):
            async with Server(service.lookup) as server:
                await server.listen(target)
                assert await channel.unary("/test.Test/Echo", b"x") == b"x"
                await server.drain(5)


async def test_a_lost_connection_is_unavailable_and_perhaps_processed(
    channel: Channel, server: Server, service: Service
) -> None:
    """What a server was sent and never answered may have happened."""
    calling = asyncio.create_task(channel.unary("/test.Test/Hang", b""))
    await service.started.wait()
    await server.close()
    with pytest.raises(StatusError) as caught:
        await calling
    assert caught.value.status.code is Code.UNAVAILABLE
    assert not caught.value.unprocessed


async def hold(channel: Channel) -> ClientCall:
    """A stream that is established and goes on."""
    call = channel.open("/test.Test/HangStream")
    await call.send(b"")
    await call.end()
    assert await call.receive() == b"first"
    return call


async def test_further_connections_as_streams_fill_them(server: Server, address: str) -> None:
    """Up to the bound; beyond it a call is refused at once and was not sent; a place that is free is used."""
    async with Channel(address, config=ChannelConfig(max_connections=3, max_streams=2)) as channel:
        held = [await hold(channel) for _ in range(6)]
        assert server.connections == 3
        for refused in (channel.unary("/test.Test/Echo", b"x"), hold(channel)):
            with pytest.raises(StatusError, match=r"6 calls .* as many as may be") as caught:
                await asyncio.wait_for(refused, 5)
            assert caught.value.status.code is Code.RESOURCE_EXHAUSTED
            assert caught.value.unprocessed
        held[0].cancel()
        assert await channel.unary("/test.Test/Echo", b"x") == b"x"
        assert server.connections == 3
        for each in held:
            each.cancel()


async def test_a_connection_that_is_not_needed_any_more_is_closed(
    server: Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one stays."""
    monkeypatch.setattr(channel_module, "_SPARE_TIME", 0.01)
    config = ChannelConfig(max_connections=3, max_streams=1, write_timeout=0.05)
    async with Channel(address, config=config) as channel:
        held = [await hold(channel) for _ in range(3)]
        for each in held:
            each.cancel()
        async with asyncio.timeout(10):
            while server.connections > 1:
                await channel.unary("/test.Test/Echo", b"x")
        assert await channel.unary("/test.Test/Echo", b"x") == b"x"
        assert server.connections == 1
