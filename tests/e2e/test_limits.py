"""Every limit of a whole gateway, for a namespace and for each caller, by gRPC and by HTTP/JSON."""

import asyncio
import hashlib
import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

import gateways
from prism.client import Client, LimitExceeded
from prism.client.retry import RetryPolicy

ONCE = RetryPolicy(attempts=1)
ALICE, BOB = "prism_alice_0123456789", "prism_bob_0123456789"
SHARES = {
    "requests": {"requests": {"rate": 0.01, "burst": 2}},
    "bytes": {"bytes": {"rate": 10, "burst": 1000}},
    "concurrent": {"concurrent": 1},
}
OTHERS: Mapping[str, Any] = {
    "message-size": {"limits": {"message_size": 1000}},
    "scan-size": {"limits": {"scan_size": 1000}},
    "deadline": {"timeouts": {"longest": 30}},
}
WAYS = ("grpc", "http")
LARGE = b"x" * 2000


@dataclass(frozen=True)
class Refusal:
    """What a caller is told, by whichever way in."""

    limit: str
    message: str
    retry_after: float | None
    outcome: str | None


@dataclass(frozen=True)
class Limited:
    """A gateway whose every namespace has one limit."""

    gateway: gateways.GatewayProcess

    async def call(
        self, way: str, caller: str, namespace: str, *, value: bytes | None = None, timeout: float | None = None
    ) -> Refusal | None:
        """Puts a value, or scans where there is none; None where the call is carried out."""
        if way == "http":
            return await asyncio.to_thread(self._post, caller, namespace, value, timeout)
        async with Client(self.gateway.data, token=caller, retry=ONCE) as client:
            keyvalue = client.keyvalue(namespace)
            try:
                if value is None:
                    assert [item async for item in keyvalue.scan("r", timeout=timeout)]
                else:
                    await keyvalue.put("r", {b"k": value}, timeout=timeout)
            except LimitExceeded as error:
                return Refusal(
                    error.metadata.get("limit", error.reason), error.message, error.retry_after, error.outcome
                )
        return None

    def _post(self, caller: str, namespace: str, value: bytes | None, timeout: float | None) -> Refusal | None:
        message: dict[str, Any] = {"id": "r"}
        if value is not None:
            message["items"] = [{"key": "aw==", "value": value.hex()}]
        headers = {
            "content-type": "application/json",
            "prism-namespace": namespace,
            "authorization": f"Bearer {caller}",
        }
        if timeout is not None:
            headers["connect-timeout-ms"] = f"{timeout * 1000:.0f}"
        connection = http.client.HTTPConnection(self.gateway.data, timeout=20)
        try:
            method = "Scan" if value is None else "Put"
            connection.request("POST", f"/prism.data.v1.KeyValue/{method}", json.dumps(message), headers)
            response = connection.getresponse()
            body = json.loads(response.read())
        finally:
            connection.close()
        if response.status == 200:
            return None
        assert response.status == 429, body
        details = {each["type"]: each["debug"] for each in body["details"]}
        info = details["google.rpc.ErrorInfo"]
        again = details.get("google.rpc.RetryInfo", {}).get("retryDelay")
        assert (again is None) == (response.headers["retry-after"] is None)
        return Refusal(
            info["metadata"].get("limit", info["reason"]),
            body["message"],
            None if again is None else float(again.removesuffix("s")),
            info["metadata"].get("outcome"),
        )


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    """One namespace for each limit, whose it is, and the way in that is tried."""
    policies: dict[str, Any] = {}
    for way in WAYS:
        policies |= {f"{limit}-whole-{way}": {"limits": section} for limit, section in SHARES.items()}
        policies |= {f"{limit}-each-{way}": {"limits": {"each_principal": each}} for limit, each in SHARES.items()}
        policies |= {f"{limit}-{way}": section for limit, section in OTHERS.items()}
    keys = [{"name": key.split("_")[1], "hash": f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"}
            for key in (ALICE, BOB)]  # fmt: skip
    config = {
        "gateway": {"listen": "127.0.0.1:0"},
        "authentication": {"methods": [{"type": "api_keys", "keys": keys}]},
        "authorization": {"rules": [{"principals": ["*"], "namespaces": ["*"], "operations": ["read", "write"]}]},
        "namespaces": [{"name": name, "backend": "memory", "policy": policy} for name, policy in policies.items()],
    }
    with gateways.running(config, tmp_path_factory.mktemp("limited")) as gateway:
        yield Limited(gateway)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whose", ["whole", "each"])
@pytest.mark.parametrize("limit", SHARES)
async def test_over_its_share_a_caller_is_told_when_to_come_again(
    limited: Limited, limit: str, whose: str, way: str
) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, nothing applied; another caller is refused only where they share it."""
    namespace = f"{limit}-{whose}-{way}"
    async with AsyncExitStack() as stack:
        if limit == "concurrent":
            client = await stack.enter_async_context(Client(limited.gateway.data, token=ALICE, retry=ONCE))
            await stack.enter_async_context(client.pubsub(namespace).subscribe(">"))
        for _ in range({"requests": 2, "bytes": 1, "concurrent": 0}[limit]):
            assert await limited.call(way, ALICE, namespace, value=LARGE) is None
        refusal = await limited.call(way, ALICE, namespace, value=b"v")
        assert refusal is not None
        assert (refusal.limit, refusal.outcome) == (limit, "NOT_APPLIED")
        assert ("each caller" in refusal.message) == (whose == "each")
        assert refusal.retry_after is not None
        least, most = {"requests": (50, 100), "bytes": (50, 1000), "concurrent": (0.1, 0.1)}[limit]
        assert least <= refusal.retry_after <= most
        others = await limited.call(way, BOB, namespace, value=b"v")
        assert (others is not None) == (whose == "whole")


@pytest.mark.parametrize("way", WAYS)
async def test_a_request_over_its_size_is_refused(limited: Limited, way: str) -> None:
    """Nothing is applied, and no RetryInfo says that the same would pass later."""
    assert await limited.call(way, ALICE, f"message-size-{way}", value=b"v" * 400) is None
    refusal = await limited.call(way, ALICE, f"message-size-{way}", value=LARGE)
    assert refusal is not None
    assert (refusal.limit, refusal.retry_after, refusal.outcome) == ("message_size", None, "NOT_APPLIED")
    assert "over this namespace's limit of 1000; send less" in refusal.message


@pytest.mark.parametrize("way", WAYS)
async def test_a_scan_over_its_size_is_refused(limited: Limited, way: str) -> None:
    """The sentence says what to do; writing is not limited by it."""
    assert await limited.call(way, ALICE, f"scan-size-{way}", value=LARGE) is None
    refusal = await limited.call(way, ALICE, f"scan-size-{way}")
    assert refusal is not None
    assert (refusal.limit, refusal.retry_after) == ("ANSWER_TOO_LARGE", None)


@pytest.mark.parametrize("way", WAYS)
async def test_a_deadline_over_the_longest_is_refused(limited: Limited, way: str) -> None:
    """It is not cut: the sentence names the limit, and a caller that asks for as much or gives none is let in."""
    namespace = f"deadline-{way}"
    refusal = await limited.call(way, ALICE, namespace, value=b"v", timeout=3600)
    assert refusal is not None
    assert (refusal.limit, refusal.retry_after, refusal.outcome) == ("deadline", None, "NOT_APPLIED")
    assert "over this namespace's limit of 30 s; set one of at most 30 s" in refusal.message
    for timeout in (30, float("inf") if way == "grpc" else None):
        assert await limited.call(way, ALICE, namespace, value=b"v", timeout=timeout) is None
