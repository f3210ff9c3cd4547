"""A small service for the tests of the wire: one method of each kind, and some that misbehave."""

import asyncio

from prism.wire import Code, Metadata, Method, ServerCall, Status, StatusError


class Service:
    """Its methods, and what they have seen: `started` and `ended` of the one that hangs, and its last call."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()
        self.call: ServerCall | None = None
        methods = [
            Method("/test.Test/Echo", self.echo),
            Method("/test.Test/Count", self.count, client_streaming=True),
            Method("/test.Test/Repeat", self.repeat, server_streaming=True),
            Method("/test.Test/Chat", self.chat, client_streaming=True, server_streaming=True),
            Method("/test.Test/Fail", self.fail),
            Method("/test.Test/Crash", self.crash),
            Method("/test.Test/Hang", self.hang),
            Method("/test.Test/HangStream", self.hang_stream, server_streaming=True),
            Method("/test.Test/Ignore", self.hang, client_streaming=True),
            Method("/test.Test/Compressed", self.compressed),
        ]
        self.lookup = {method.path: method for method in methods}.get

    async def echo(self, call: ServerCall) -> bytes:
        """Give the message back."""
        self.call = call
        return call.message

    async def count(self, call: ServerCall) -> bytes:
        """Give the number of bytes received."""
        return str(sum([len(message) async for message in call.messages])).encode()

    async def repeat(self, call: ServerCall) -> None:
        """Send the message five times."""
        for _ in range(5):
            await call.send(call.message)
        call.set_trailing(Metadata([("seen", "5"), ("raw-bin", b"\x00\xff")]))

    async def chat(self, call: ServerCall) -> None:
        """Send each message back."""
        self.call = call
        await call.send_headers(Metadata([("hello", str(call.metadata.get("name", "nobody")))]))
        async for message in call.messages:
            await call.send(message)

    async def fail(self, call: ServerCall) -> bytes:
        """End with a status that has everything."""
        raise StatusError(Status(Code.NOT_FOUND, "no \u2713 100 %\n", b"\x08\x05"), Metadata([("why", call.path[-4:])]))

    async def crash(self, call: ServerCall) -> bytes:
        """Fail as no handler should."""
        raise ZeroDivisionError(call.path)

    async def hang(self, call: ServerCall) -> bytes:
        """Never end by itself."""
        self.call = call
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        return b""

    async def hang_stream(self, call: ServerCall) -> None:
        """Send one message, then never end by itself."""
        await call.send(b"first")
        await self.hang(call)

    async def compressed(self, call: ServerCall) -> bytes:
        """Give the message back compressed."""
        call.set_compression("gzip")
        return call.message
