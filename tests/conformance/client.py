"""A client under test: calls by our channel as the suite asks. `python -m conformance.client`."""

import asyncio
import ssl
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import uvloop

from conformance import messages as m
from conformance.service import SERVICE
from prism.interfaces.operation import Operation
from prism.wire import Channel, ChannelConfig, ClientCall, Deadline, StatusError, client_context

_AT_ONCE: Final = 16
_GZIP: Final = 2
_FULL_DUPLEX: Final = 5
_OPERATIONS: Final = {method.name: Operation.of(method) for method in SERVICE.methods}
_Result: Final = m.message("ClientResponseResult")


async def main() -> None:
    """Makes the calls that come, some at a time, until there are no more."""
    loop, room = asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE)
    kind = m.message("ClientCompatRequest")
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as calls:
        channels = Channels(stack)
        while (asked := await loop.run_in_executor(None, m.read, sys.stdin.buffer, kind)) is not None:
            await room.acquire()
            calls.create_task(_report(await channels.to(asked), asked)).add_done_callback(lambda _: room.release())


class Channels:
    """A channel for each server, and way to it."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._known: dict[tuple[Any, ...], Channel] = {}

    async def to(self, asked: Any) -> Channel:
        """The channel for a request."""
        creds = asked.client_tls_creds
        key = (asked.host, asked.port, asked.server_tls_cert, creds.cert, asked.message_receive_limit)
        if key not in self._known:
            config = ChannelConfig(max_message_size=asked.message_receive_limit or 4 << 20)
            tls = _tls(asked) if asked.server_tls_cert else None
            channel = Channel(f"{asked.host}:{asked.port}", tls=tls, config=config)
            self._known[key] = await self._stack.enter_async_context(channel)
        return self._known[key]


def _tls(asked: Any) -> ssl.SSLContext:
    creds = asked.client_tls_creds
    with tempfile.TemporaryDirectory() as folder:
        files = {"ca": asked.server_tls_cert, "cert": creds.cert, "key": creds.key}
        paths = {name: Path(folder) / name for name, pem in files.items() if pem}
        for name, path in paths.items():
            path.write_bytes(files[name])
        return client_context(**paths)


async def _report(channel: Channel, asked: Any) -> None:
    result = await _call(channel, asked)
    m.write(sys.stdout.buffer, m.message("ClientCompatResponse")(test_name=asked.test_name, response=result))


async def _call(channel: Channel, asked: Any) -> Any:
    """How the call that is asked for ended, and all that came."""
    operation, result = _OPERATIONS[asked.method], _Result()
    deadline = Deadline.after(asked.timeout_ms / 1000) if asked.HasField("timeout_ms") else None
    async with channel.open(
        operation.path,
        metadata=m.as_metadata(asked.request_headers),
        deadline=deadline,
        compression="gzip" if asked.compression == _GZIP else None,
    ) as call:
        take = _taker(call, operation, asked, result)
        try:
            await _send(call, asked, result, take)
            while await take():
                pass
        except StatusError as error:
            result.error.CopyFrom(m.as_error(error.status))
            result.response_trailers.extend(m.as_headers(error.trailing))
        else:
            result.response_trailers.extend(m.as_headers(call.trailing))
        with suppress(StatusError):
            result.response_headers.extend(m.as_headers(await call.headers()))
    return result


def _taker(call: ClientCall, operation: Operation, asked: Any, result: Any) -> Callable[[], Any]:
    """Takes the next answer; says whether there was one and more may come."""

    async def take() -> bool:
        answer = await (call.receive() if operation.server_streaming else call.response())
        if answer is not None:
            response: Any = operation.response.FromString(answer)
            result.payloads.append(response.payload)
            if asked.cancel.after_num_responses == len(result.payloads):
                call.cancel()
        return answer is not None and operation.server_streaming

    return take


async def _send(call: ClientCall, asked: Any, result: Any, take: Callable[[], Any]) -> None:
    """Sends the requests, and does what is asked behind them."""
    for sent, request in enumerate(asked.request_messages):
        await asyncio.sleep(asked.request_delay_ms / 1000)
        try:
            await call.send(request.value)
        except StatusError:
            result.num_unsent_requests = len(asked.request_messages) - sent
            raise
        if asked.stream_type == _FULL_DUPLEX:
            await take()
    match asked.cancel.WhichOneof("cancel_timing"):
        case "before_close_send":
            call.cancel()
            return
        case "after_close_send_ms":
            await call.end()
            await asyncio.sleep(asked.cancel.after_close_send_ms / 1000)
            call.cancel()
        case _:
            await call.end()


if __name__ == "__main__":
    uvloop.run(main())
