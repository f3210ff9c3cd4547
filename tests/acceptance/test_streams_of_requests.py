"""The kit's callers and operations of all four kinds: straight to the plugin, to its process, through a gateway."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, Int64Value

import relays
from gateways import serving
from prism.acceptance.callers.caller import Caller
from prism.acceptance.callers.table import THROUGH_GATEWAYS, WITHOUT_GATEWAYS
from prism.acceptance.namespaces import Namespaces
from prism.acceptance.relay.service import NAME, SERVICE
from prism.acceptance.subject import Subject
from prism.errors import FailedPrecondition
from prism.interfaces.operation import Operation

OPERATIONS = {method.name: Operation.of(method) for method in SERVICE.methods}
SUBJECT = Subject(relays.RELAY, command=relays.RELAY.command())
PARTS = [b"one", b"two", b""]


async def given(*parts: bytes) -> AsyncIterator[BytesValue]:
    for part in parts:
        yield BytesValue(value=part)


async def test_every_way_in_carries_all_four_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three parts arrive as three, in order; why an operation fails is the same error everywhere."""
    relays.install(tmp_path, monkeypatch)
    entry = {"name": "a", "backend": "relay", "services": [NAME]}
    namespaces = Namespaces("keyvalue")
    async with serving({"namespaces": [entry]}, tmp_path / "gateway") as gateway, AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(each(SUBJECT, namespaces)) for each in WITHOUT_GATEWAYS.values()]
        callers += [
            await stack.enter_async_context(each(SUBJECT, namespaces, [gateway.data]))
            for each in THROUGH_GATEWAYS.values()
        ]
        for caller in callers:
            await carries(caller)


async def carries(caller: Caller) -> None:
    echoed = await caller.call(OPERATIONS["Echo"], BytesValue(value=b"x"), namespace="a")
    assert echoed.value == b"x", caller.name
    down = caller.stream(OPERATIONS["Down"], Int64Value(value=2), namespace="a")
    assert [each.value async for each in down] == [b"part 0", b"part 1"]
    summed = await caller.call(OPERATIONS["Up"], given(*PARTS), namespace="a")
    assert summed.value.startswith(b"3 parts, 6 bytes, "), caller.name
    with pytest.raises(FailedPrecondition, match="told to fail"):
        await caller.call(OPERATIONS["Up"], given(b"one", b"fail"), namespace="a")
    if caller.name == "http":  # HTTP/1.1 carries one direction after the other
        return
    both = caller.stream(OPERATIONS["Both"], given(*PARTS), namespace="a")
    assert [each.value async for each in both] == PARTS
