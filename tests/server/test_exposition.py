"""What Prometheus reads."""

import asyncio
from dataclasses import dataclass
from importlib.metadata import version

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from deploy.prometheus_server import tool
from prism.gateway.snapshot import Namespace, Snapshot
from prism.server.exposition import MAX_METRICS, BackendGauges, Exposition, MetricSources
from prism.telemetry.metrics.call_metrics import CallMetrics
from prism.wire.grpc.status import Code
from prism.wire.native import WIRE
from server.standing import StandingInstance

GET = "prism.data.v1.KeyValue/Get"


@dataclass
class Listener:
    connections: int = 3


def snapshot() -> Snapshot:
    services = frozenset({"prism.data.v1.KeyValue"})
    return Snapshot(
        generation=7,
        namespaces={
            "up": Namespace.of("up", services, StandingInstance()),
            "down": Namespace.of("down", services, StandingInstance(refusal="the store does not answer")),
        },
    )


def counted() -> CallMetrics:
    metrics = CallMetrics()
    for code, seconds in ((Code.OK, 0.0002), (Code.OK, 0.3), (Code.UNAVAILABLE, 60.0)):
        metrics.begin(GET)
        metrics.end("up", GET, code, seconds)
    metrics.begin(GET)
    return metrics


def series(name: str, *labels: str) -> tuple[str, frozenset[str]]:
    return name, frozenset(labels)


@pytest.fixture
def exposition() -> Exposition:
    backends = [
        BackendGauges("postgres", "db:5432/prism", "in_process", {"pool_connections_idle": 2}),
        BackendGauges("postgres", "db:5432/prism", "in_process", {"pool_connections_idle": 3}),
        BackendGauges("sqlite", 'a "quoted"\\path\n', "sidecar", {"queue-depth": 4}),
    ]
    return Exposition(MetricSources(counted(), snapshot, lambda: backends, Listener()))


async def test_a_plugin_cannot_make_a_scrape_grow_without_bound() -> None:
    """Of thousands of metrics of one backend the first are shown, the others counted; so is what is not a number."""
    hostile = BackendGauges("x", "s", "sidecar", {f"f{number}": 1.0 for number in range(5000)} | {"nan": float("nan")})
    text, _ = await Exposition(MetricSources(CallMetrics(), snapshot, lambda: [hostile])).render()
    families = {family.name: family for family in parse(text.decode())}
    shown = [
        name for name in families if name.startswith("prism_backend_f") and name != "prism_backend_figures_left_out"
    ]
    assert len(shown) == MAX_METRICS
    (left_out,) = families["prism_backend_figures_left_out"].samples
    assert left_out.value == 5001 - MAX_METRICS


async def test_every_figure_is_there(exposition: Exposition) -> None:
    """Requests, durations, in flight, readiness, backends, process and garbage collector, as Prometheus parses them."""
    text, content_type = await exposition.render()
    assert content_type.startswith("text/plain; version=")
    samples = {
        series(sample.name, *sample.labels.values()): sample.value
        for family in parse(text.decode())
        for sample in family.samples
    }
    assert samples[series("prism_requests_total", "up", GET, "OK")] == 2
    assert samples[series("prism_requests_total", "up", GET, "UNAVAILABLE")] == 1
    assert samples[series("prism_request_duration_seconds_bucket", "up", GET, "0.0001")] == 0
    assert samples[series("prism_request_duration_seconds_bucket", "up", GET, "0.00025")] == 1
    assert samples[series("prism_request_duration_seconds_bucket", "up", GET, "10.0")] == 2
    assert samples[series("prism_request_duration_seconds_bucket", "up", GET, "+Inf")] == 3
    assert samples[series("prism_request_duration_seconds_count", "up", GET)] == 3
    assert samples[series("prism_request_duration_seconds_sum", "up", GET)] == pytest.approx(60.3002)
    assert samples[series("prism_requests_in_flight", GET)] == 1
    assert samples[series("prism_namespace_ready", "up")] == 1
    assert samples[series("prism_namespace_ready", "down")] == 0
    assert samples[series("prism_config_generation")] == 7
    assert samples[series("prism_connections")] == 3
    assert samples[series("prism_build_info", version("prism-gateway"), WIRE)] == 1
    assert samples[series("prism_backend_queue_depth", "sqlite", "sidecar", 'a "quoted"\\path\n')] == 4
    assert samples[series("process_resident_memory_bytes")] > 0
    assert series("python_gc_collections_total", "0") in samples


async def test_backends_on_one_store_are_added_up(exposition: Exposition) -> None:
    """Two instances on one store give one series, for Prometheus refuses a scrape that holds a series twice."""
    text, _ = await exposition.render()
    lines = [line for line in text.decode().splitlines() if line.startswith("prism_backend_pool_connections_idle{")]
    assert lines == [
        'prism_backend_pool_connections_idle{backend="postgres",placement="in_process",store="db:5432/prism"} 5.0'
    ]


async def test_openmetrics_where_it_is_asked_for(exposition: Exposition) -> None:
    """A scraper that prefers OpenMetrics gets it, valid by the reference parser."""
    text, content_type = await exposition.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_openmetrics(text.decode())}
    assert {"prism_requests", "prism_request_duration_seconds", "prism_requests_in_flight"} <= names


async def test_an_idle_gateway_has_figures_too() -> None:
    """Before the first call, and without namespaces, a scrape is valid."""
    text, _ = await Exposition(MetricSources(CallMetrics(), Snapshot)).render()
    assert "prism_config_generation 0.0" in text.decode()
    assert "prism_connections" not in text.decode()


async def test_promtool_finds_nothing_wrong(exposition: Exposition) -> None:
    """Names, units and help texts follow Prometheus' conventions, by its own linter."""
    text, _ = await exposition.render()
    ours = "".join(
        f"{line}\n"
        for line in text.decode().splitlines()
        # The client library's own python_info and python_gc_* are not ours to rename.
        if not line.removeprefix("# HELP ").removeprefix("# TYPE ").startswith("python_")
    )
    process = await asyncio.create_subprocess_exec(
        tool("promtool"),
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(ours.encode())
    assert (process.returncode, output.decode()) == (0, "")


async def test_a_total_of_a_backends_own_is_a_counter() -> None:
    """By the end of its name, with labels or without."""
    backends = [BackendGauges("memory", "here", "in_process", {"events_appended_total": 3, "items": 2})]
    text, _ = await Exposition(MetricSources(counted(), snapshot, lambda: backends, Listener())).render()
    kinds = {each.name: each.type for each in parse(text.decode())}
    assert (kinds["prism_backend_events_appended"], kinds["prism_backend_items"]) == ("counter", "gauge")
