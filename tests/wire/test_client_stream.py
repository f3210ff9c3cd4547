"""How the client's end of a stream takes what the peer does to it."""

import asyncio
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest

from prism.wire import Code, StatusError
from prism.wire.client.stream import UnaryCall
from prism.wire.http2.frames import ErrorCode

_NO_CONNECTION = cast("Any", SimpleNamespace(refusal_counts=True))  # a reset asks nothing else of it


@pytest.mark.parametrize(
    ("seconds", "reset", "code"),
    [
        (-0.001, ErrorCode.CANCEL, Code.DEADLINE_EXCEEDED),
        (60.0, ErrorCode.CANCEL, Code.CANCELLED),
        (-0.001, ErrorCode.REFUSED_STREAM, Code.UNAVAILABLE),
    ],
)
async def test_a_reset_behind_the_deadline_is_the_deadline(seconds: float, reset: ErrorCode, code: Code) -> None:
    """Servers such as grpc-go's cancel the stream when its time is up, maybe before we look at the clock."""
    future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    call = UnaryCall(_NO_CONNECTION, 1, future, monotonic() + seconds)
    call.on_reset(reset)
    with pytest.raises(StatusError) as caught:
        await future
    assert caught.value.status.code is code
