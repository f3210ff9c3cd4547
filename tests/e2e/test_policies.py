"""Policies of a whole gateway: a neighbour that is called too often, a store that stands still, rules that change."""

import asyncio
import hashlib
import urllib.request
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import gateways
from prism.backends.postgres.testing import PostgresServer
from prism.client import Client, LimitExceeded, PrismError
from prism.client.retry import RetryPolicy

ONCE = RetryPolicy(attempts=1)
KEY = "prism_0123456789"


async def test_a_namespace_within_its_limit_completes_every_call_beside_one_at_ten_times_its_own(
    tmp_path: Path,
) -> None:
    """The one gets all its answers, the other RESOURCE_EXHAUSTED with when to come again; the figures tell."""
    limited = {"policy": {"limits": {"requests": {"rate": 20, "burst": 20}}}}
    config = {"namespaces": [gateways.namespace(name, "memory") | limited for name in ("noisy", "quiet")]}
    refusals: list[float | None] = []
    async with gateways.serving(config, tmp_path) as gateway, Client(gateway.data, retry=ONCE) as prism:
        quiet, noisy = prism.keyvalue("quiet"), prism.keyvalue("noisy")

        async def call_noisy() -> None:
            try:
                await noisy.get("r", b"k")
            except LimitExceeded as error:
                refusals.append(error.retry_after)

        for _ in range(20):
            await asyncio.gather(quiet.get("r", b"k"), *(call_noisy() for _ in range(10)))
        figures = await asyncio.to_thread(gateway_figures, gateway)
    assert len(refusals) > 100
    assert all(refusals)
    counted = (
        'prism_requests_total{namespace="noisy",operation="prism.data.v1.KeyValue/Get",status="RESOURCE_EXHAUSTED"}'
    )
    assert f"{counted} {len(refusals)}.0" in figures
    assert 'namespace="quiet",operation="prism.data.v1.KeyValue/Get",status="RESOURCE_EXHAUSTED"' not in figures
    assert "prism_event_loop_lag_seconds " in figures


async def test_a_store_that_stands_still_trips_its_breaker_and_recovers_by_itself(
    tmp_path: Path, own_postgres: PostgresServer
) -> None:
    """Its calls are refused at once then, another store's go on; when it moves again, so do they."""
    breaker = {"policy": {"breaker": {"consecutive": 3, "open": 0.2, "slow": 0.5}}}
    config = {
        "namespaces": [
            gateways.namespace("slow", "postgres", connection_string=own_postgres.create_database()) | breaker,
            gateways.namespace("fast", "memory") | breaker,
        ]
    }
    async with gateways.serving(config, tmp_path) as gateway, Client(gateway.data, retry=ONCE) as prism:
        slow, fast = prism.keyvalue("slow"), prism.keyvalue("fast")
        await slow.put("r", {b"k": b"v"})
        await asyncio.to_thread(own_postgres.pause)
        try:
            reasons: list[str] = []
            while "BREAKER_OPEN" not in reasons:
                reasons.append(await reason_of(slow.get("r", b"k", timeout=0.7)))
                await fast.put("r", {b"k": b"v"})
            assert set(reasons[:-1]) == {"DEADLINE_EXCEEDED"}
            assert len(reasons) >= 4
            assert 'prism_breaker_state{backend="postgres"' in await asyncio.to_thread(gateway_figures, gateway)
        finally:
            await asyncio.to_thread(own_postgres.resume)
        reasons = []
        while "" not in reasons:
            reasons.append(await reason_of(slow.get("r", b"k", timeout=5)))
            await asyncio.sleep(0.05 if reasons[-1] else 0)  # the client's own pace; the breaker says no sooner
        assert set(reasons) <= {"", "BREAKER_OPEN"}


async def test_rules_change_without_failing_a_call(tmp_path: Path) -> None:
    """A caller that is allowed all the while notices nothing of reloads; a right that is taken away is gone at once."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    mine = {"principals": ["ci"], "namespaces": ["mine"], "operations": ["read", "write"]}
    other = {"principals": ["ci"], "namespaces": ["other"], "operations": ["read", "write"]}

    def config(*rules: Any, **more: Any) -> dict[str, Any]:
        return {
            "authentication": {
                "methods": [{"type": "api_keys", "keys": [{"name": "ci", "hash": f"sha256:{digest}"}]}],
                **more,
            },
            "authorization": {"rules": list(rules)},
            "namespaces": [gateways.namespace(name, "memory") for name in ("mine", "other")],
        }

    async with (
        gateways.serving(config(mine, other), tmp_path) as gateway,
        Client(gateway.data, token=KEY, retry=ONCE) as prism,
    ):
        done = asyncio.Event()

        async def calls() -> int:
            made = 0
            while not done.is_set():
                await prism.keyvalue("mine").put("r", {b"k": b"v"})
                made += 1
                await asyncio.sleep(0.002)
            return made

        caller = asyncio.create_task(calls())
        await prism.keyvalue("other").put("r", {b"k": b"v"})
        for number in range(10):
            gateway.write_config(config(mine, *([other] * (number % 2)), revoked=[f"x{number}"]))
            gateway.reload()
            await asyncio.to_thread(gateway.wait_for_log, f"configuration {number + 2}: namespaces unchanged, policies")
        gateway.write_config(config(mine))
        gateway.reload()
        await asyncio.to_thread(gateway.wait_for_log, "configuration 12:")
        reason = await reason_of(prism.keyvalue("other").put("r", {b"k": b"v"}))
        done.set()
        assert await caller > 10
    assert reason == "PERMISSION_DENIED"


async def reason_of(call: Awaitable[object]) -> str:
    """Why a call failed; empty where it did not."""
    try:
        await call
    except PrismError as error:
        return error.reason
    return ""


def gateway_figures(gateway: gateways.GatewayProcess) -> str:
    """What `/metrics` says."""
    with urllib.request.urlopen(f"http://{gateway.metrics}/metrics", timeout=20) as answer:
        return str(answer.read().decode())
