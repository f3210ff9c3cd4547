"""go-plugin's own services, as its host calls them: what a program in Go prints after its handshake, and its end.

Source: https://github.com/hashicorp/go-plugin, internal/plugin/grpc_stdio.proto and grpc_controller.proto.
"""

import contextlib

from prism.plugins.sidecar.output import Lines, Output
from prism.wire import Channel, Code, Deadline, StatusError

_SHUTDOWN = "/plugin.GRPCController/Shutdown"
_STDIO = "/plugin.GRPCStdio/StreamStdio"
_EMPTY = b""
_DATA = 2  # StdioData.data, bytes
_VARINT, _LENGTH = 0, 2


async def forward_output(channel: Channel, output: Output) -> None:
    """Reads what a program that uses go-plugin's library prints; unread, its output would block it.

    Ends when the program does, or at once where it offers no such service.
    """
    lines = Lines(output)
    with contextlib.suppress(StatusError):
        async with channel.open(_STDIO) as call:
            await call.send(_EMPTY)
            await call.end()
            async for message in call:
                lines.data_received(_data(message))
    lines.connection_lost(None)


async def stop_by_controller(channel: Channel, deadline: Deadline) -> bool:
    """Asks a program that uses go-plugin's library to exit; whether it will. One that is exiting may fail the call."""
    try:
        await channel.unary(_SHUTDOWN, _EMPTY, deadline=deadline)
    except StatusError as error:
        return error.status.code is Code.UNAVAILABLE
    return True


def _data(message: bytes) -> bytes:
    """The bytes in a StdioData; may be empty."""
    index = 0
    found = b""
    while index < len(message):
        key, index = _varint(message, index)
        value, index = _varint(message, index)
        if key & 7 == _LENGTH:
            if key >> 3 == _DATA:
                found = message[index : index + value]
            index += value
        elif key & 7 != _VARINT:
            break
    return found


def _varint(message: bytes, index: int) -> tuple[int, int]:
    number = shift = 0
    while index < len(message):
        byte = message[index]
        index += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return number, index
