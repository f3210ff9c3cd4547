"""Compressed answers that a server sends all at once."""

import asyncio

from prism.wire import Channel, ChannelConfig, Method, Server, ServerCall, StatusError
from wire.hostile.gauge import Traced

MIB = 1024 * 1024
CALLS = 40


async def test_answers_are_expanded_as_they_are_taken() -> None:
    """Forty of a mebibyte in some kilobytes: a few at a time are there in full; a caller that gave up gets none."""
    came: list[ServerCall] = []
    all_came = asyncio.Event()

    async def large(call: ServerCall) -> bytes:
        call.set_compression("gzip")
        came.append(call)
        if len(came) == CALLS:
            all_came.set()
        await all_came.wait()
        return bytes(MIB)

    async def take(channel: Channel) -> int:
        return len(await channel.unary("/test.Test/Large", b"x"))

    method = Method("/test.Test/Large", large)
    async with Server(lambda _: method) as server, Channel(await server.listen("127.0.0.1:0")) as channel:
        with Traced() as traced:
            sizes = await asyncio.gather(*[take(channel) for _ in range(CALLS)])
            assert traced.peak() < 10 * MIB
        assert sizes == [MIB] * CALLS


async def test_an_answer_that_cannot_be_expanded_leaves_the_others() -> None:
    """It fails its own call, and the line goes on."""

    async def handle(call: ServerCall) -> bytes:
        call.set_compression("gzip")
        return call.message

    async def take(channel: Channel, message: bytes) -> bytes | str:
        try:
            return await channel.unary("/test.Test/Echo", message)
        except StatusError as error:
            return error.status.code.name

    method = Method("/test.Test/Echo", handle)
    async with Server(lambda _: method) as server:
        config = ChannelConfig(max_message_size=1000)
        async with Channel(await server.listen("127.0.0.1:0"), config=config) as channel:
            sent = [bytes(999), bytes(100_000), bytes(1000)]
            assert await asyncio.gather(*[take(channel, each) for each in sent]) == [
                sent[0],
                "RESOURCE_EXHAUSTED",
                sent[2],
            ]
