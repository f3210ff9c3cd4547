"""The same plugin in every placement, through one gateway, beside the plugin called directly over its socket."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gateways
from bench import contestants as who
from bench.arena import compete, rows
from bench.contestants import Call, Contestant
from bench.data import KEY, RECORDS, VALUE, any_record, fill
from bench.measure import Sample
from bench.report import Table, write
from prism.acceptance.run.remote_plugins import RemotePlugins
from prism.interfaces import keyvalue as kv
from prism.plugins.discovery import discover
from prism.sdk.testing import RunningPlugin
from prism.sdk.testing import running as plugin_running

PLACEMENTS = ("in_process", "sidecar", "remote")
BUDGETS = {"in_process": 35, "sidecar": 150, "remote": 250}
"""Microseconds that a placement may add at one caller; docs/architecture.md."""
NOTE = (
    f"Gets of one 100-byte item at random out of {RECORDS:,} records of the memory backend, with deadline, trace id, "
    "200-byte token and request id, by the bare channel. `remote` is mutual TLS on loopback. Median of 5 interleaved "
    "rounds. The budgets are for what the gateway adds to a call of the driver; the nearest thing for memory, which "
    "has none, is the plugin itself called over its unix socket: the first row, which what is added is counted from."
)


def run() -> None:
    """Runs both competitions and writes their tables."""
    asyncio.run(_run())


async def _run() -> None:
    async with _arena() as competitors:
        for callers in (1, 64):
            results = await compete(competitors, callers=callers)
            _write(results, competitors[0].name, callers)


@asynccontextmanager
async def _arena() -> AsyncIterator[list[Contestant]]:
    folder = Path(tempfile.mkdtemp())
    remote = RemotePlugins(discover().found["memory"], folder)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(remote.stop)
        sections = {"sidecar": {"type": "sidecar"}, "remote": await remote.start(1)}
        entries = [
            gateways.namespace(_namespace(name), "memory") | ({"plugin": sections[name]} if name in sections else {})
            for name in PLACEMENTS
        ]
        gateway = await stack.enter_async_context(gateways.serving({"namespaces": entries}, folder / "gateway"))
        plugin = await stack.enter_async_context(plugin_running("memory"))
        for name in PLACEMENTS:
            await fill(gateway.data, _namespace(name))
        await _fill_directly(plugin)
        yield [
            _direct(plugin),
            *(who.channel(gateway.data, _namespace(name), gateway.pid, name) for name in PLACEMENTS),
        ]


def _namespace(placement: str) -> str:
    return placement.replace("_", "-")


async def _fill_directly(plugin: RunningPlugin) -> None:
    for number in range(RECORDS):
        await plugin.call(kv.PutRequest(id=f"record-{number:06}", items=[kv.PutItem(key=KEY, value=VALUE)]))


def _direct(plugin: RunningPlugin) -> Contestant:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Call]:
        async def call() -> None:
            answer: kv.GetResponse = await plugin.call(kv.GetRequest(id=any_record(), keys=(KEY,)))
            assert answer.items[0].value == VALUE

        yield call

    return Contestant("the plugin called directly", opened)


def _write(results: dict[str, Sample], baseline: str, callers: int) -> None:
    verdicts = []
    if callers == 1:
        for name, most in BUDGETS.items():
            added = results[name].p50 - results[baseline].p50
            word = "met" if added <= most else "missed"
            verdicts.append(f"budget: {name} adds at most {most} us at one caller: {added:.0f} us, {word}")
    title = f"One plugin in every placement, {'one caller' if callers == 1 else f'{callers} callers'}"
    bars = "p50 us" if callers == 1 else "calls/s"
    write(Table(f"placements-{callers}", title, NOTE, rows(results, baseline), verdicts, bars))
