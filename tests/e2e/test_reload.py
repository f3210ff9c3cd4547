"""Configuration reloads under load: no call fails, and what is refused changes nothing."""

import asyncio
import http.client
import itertools
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gateways
from prism.client import Client

RELOADS = 200
RENEWS_POSTGRES = 10
CALLERS = 3


async def test_no_call_fails_while_the_configuration_is_reloaded_again_and_again(
    tmp_path: Path, postgres_url: str, often: Callable[[int], int]
) -> None:
    """Namespaces are rebuilt, added and removed under put-then-get load on three stores; every call succeeds."""
    reloads = often(RELOADS)
    async with (
        gateways.serving(_config(0, postgres_url), tmp_path) as gateway,
        Client(gateway.data) as prism,
        asyncio.TaskGroup() as tasks,
    ):
        done = asyncio.Event()
        names = ("steady", "renewed-sqlite", "renewed-postgres")
        callers = [
            tasks.create_task(_put_and_get(prism, name, number, done)) for name in names for number in range(CALLERS)
        ]
        generation = await asyncio.to_thread(_generation, gateway)
        for number in range(1, reloads + 1):
            gateway.write_config(_config(number, postgres_url))
            gateway.reload()
            generation = await asyncio.to_thread(_next_generation, gateway, generation)
        done.set()
    rounds = [caller.result() for caller in callers]
    assert generation > reloads
    assert min(rounds) > 0


async def test_an_invalid_file_changes_nothing_and_says_why(tmp_path: Path) -> None:
    """After a broken file is offered, calls are served as before and the log names the line and the spelling meant."""
    config: dict[str, Any] = {"namespaces": [gateways.namespace("default", "memory")]}
    async with gateways.serving(config, tmp_path) as gateway, Client(gateway.data) as prism:
        await prism.keyvalue().put("record", {b"key": b"value"})
        gateway.write_config({"namespaces": [gateways.namespace("default", "memry")]})
        gateway.reload()
        said = await asyncio.to_thread(gateway.wait_for_log, "memry")
        assert "did you mean 'memory'" in said
        assert re.search(r"prism\.yaml:\d+:\d+ namespaces\[0\]\.backend", said)
        assert await prism.keyvalue().exists("record", b"key")


async def test_a_namespace_that_holds_data_is_not_pointed_at_another_store(tmp_path: Path) -> None:
    """The reload is refused and says what to do; the data stays where callers find it."""
    config = {"namespaces": [gateways.namespace("default", "sqlite", path="one.db")]}
    async with gateways.serving(config, tmp_path) as gateway, Client(gateway.data) as prism:
        await prism.keyvalue().put("record", {b"key": b"value"})
        gateway.write_config({"namespaces": [gateways.namespace("default", "sqlite", path="two.db")]})
        gateway.reload()
        said = await asyncio.to_thread(gateway.wait_for_log, "holds data")
        assert "export" in said
        assert await prism.keyvalue().exists("record", b"key")


def _config(number: int, postgres_url: str) -> Mapping[str, Any]:
    postgres = {"connection_string": postgres_url, "pool_size": 10 + number // RENEWS_POSTGRES % 2}
    extra = [gateways.namespace(f"extra-{number}", "memory")] if number % 2 else []
    return {
        "namespaces": [
            gateways.namespace("steady", "memory"),
            gateways.namespace("renewed-sqlite", "sqlite", path="data.db", busy_timeout=5 + number % 2),
            gateways.namespace("renewed-postgres", "postgres", **postgres),
            *extra,
        ]
    }


async def _put_and_get(prism: Client, namespace: str, number: int, done: asyncio.Event) -> int:
    """Writes and reads back until told to stop; how often. Any failure ends the test.

    It rests a moment each time: the cores are for the reloads, which would take their time and the calls' all the same.
    """
    keyvalue = prism.keyvalue(namespace)
    for count in itertools.count():
        if done.is_set():
            return count
        value = b"%d" % count
        await keyvalue.put(f"record-{number}", {b"key": value})
        item = await keyvalue.get(f"record-{number}", b"key")
        assert item is not None
        assert item.value == value
        await asyncio.sleep(0.005)
    raise AssertionError("endless")


def _generation(gateway: gateways.GatewayProcess) -> int:
    host, _, port = gateway.metrics.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("prism_config_generation "))


def _next_generation(gateway: gateways.GatewayProcess, before: int) -> int:
    """Asks until the reload is done."""
    for _ in range(2000):
        if (now := _generation(gateway)) > before:
            return now
        time.sleep(0.01)
    raise AssertionError(f"generation {before} was not followed by another:\n" + gateway.log)
