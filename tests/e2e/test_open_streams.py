"""Open bidirectional streams when what serves them goes: each ends with its documented status, and nothing is left."""

import asyncio
import hashlib
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import BytesValue

import relays
from gateways import GatewayProcess, serving
from prism.acceptance.relay.backend import DRAINING
from prism.acceptance.relay.service import NAME
from prism.client import Client, PrismError
from prism.reason import Reason

STREAMS = 200
KEYS = {name: f"prism_key-of-{name}" for name in ("lasting", "brief")}
ENDED = "ended in order"


def configured(store: str, *, expires: datetime | None = None) -> dict[str, Any]:
    """The relay as a sidecar, and two keys: one may expire."""
    keys: list[dict[str, Any]] = [
        {"name": name, "hash": f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"} for name, token in KEYS.items()
    ]
    if expires is not None:
        keys[1]["expires"] = expires.isoformat()
    entry = {"name": "a", "backend": "relay", "services": [NAME], "config": {"store": store}}
    return {
        "authentication": {"methods": [{"type": "api_keys", "keys": keys}]},
        "authorization": {"rules": [{"principals": ["*"], "operations": ["read", "write"], "namespaces": ["*"]}]},
        "namespaces": [entry | {"plugin": {"type": "sidecar"}}],
    }


class Streams:
    """Streams that are held open, each with one part sent and come back."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._left = asyncio.Event()
        self._open = 0
        self._all_open = asyncio.Event()

    async def held(self, count: int, *ends: Callable[[], None]) -> Counter[str]:
        """How they end once they are all open and this has been done: by how, the number."""
        tasks = [asyncio.create_task(self._hold(count)) for _ in range(count)]
        async with asyncio.timeout(120):
            await self._all_open.wait()
            for end in ends:
                await asyncio.to_thread(end)
            return Counter(await asyncio.gather(*tasks))

    async def _hold(self, count: int) -> str:
        parts = []
        try:
            async for part in self._client.stream("a", f"{NAME}/Both", self._requests()):
                parts.append(part.value)
                if len(parts) == 1:
                    self._open += 1
                    if self._open == count:
                        self._all_open.set()
        except PrismError as error:
            return f"{error.code.name} {error.reason}"
        assert parts == [b"one", DRAINING]
        return ENDED

    async def _requests(self) -> AsyncIterator[BytesValue]:
        yield BytesValue(value=b"one")
        await self._left.wait()


async def open_streams(client: Client) -> int:
    """How many the plugin has."""
    return int((await client.call("a", f"{NAME}/Open", BytesValue())).value)


def pid_of_plugin(gateway: GatewayProcess) -> int:
    return int(re.findall(r"was started as the process with pid (\d+)", gateway.log)[-1])


async def test_each_ends_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, often: Callable[[int], int]
) -> None:
    """A credential that expires, a reload, a plugin that is killed, a gateway that drains: one after the other."""
    relays.install(tmp_path, monkeypatch)
    count = often(STREAMS)
    async with (
        serving(configured("one"), tmp_path / "gateway") as gateway,
        Client(gateway.data, token=KEYS["lasting"]) as lasting,
        Client(gateway.data, token=KEYS["brief"]) as brief,
    ):
        await asyncio.to_thread(gateway.wait_until_served, "a")

        expires = datetime.now(UTC) + timedelta(seconds=3 + count / 10)
        gateway.write_config(configured("one", expires=expires))
        await asyncio.to_thread(gateway.wait_for_log, "policies changed")
        assert await Streams(brief).held(count) == {f"UNAUTHENTICATED {Reason.CREDENTIAL_EXPIRED}": count}
        assert await open_streams(lasting) == 0

        def reload() -> None:
            gateway.write_config(configured("two"))

        assert await Streams(lasting).held(count, reload) == {ENDED: count}
        assert await open_streams(lasting) == 0

        def kill() -> None:
            os.kill(pid_of_plugin(gateway), signal.SIGKILL)

        assert await Streams(lasting).held(count, kill) == {f"UNAVAILABLE {Reason.PLUGIN_LOST}": count}
        await asyncio.to_thread(gateway.wait_until_served, "a")
        assert await open_streams(lasting) == 0

        def drain() -> None:
            assert gateway.stop() == 0

        assert await Streams(lasting).held(count, drain) == {ENDED: count}
