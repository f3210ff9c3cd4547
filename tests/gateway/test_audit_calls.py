"""What the audit trail says of calls."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway.data_path import GET, MALFORMED, PUT, SERVICE, call, data_path
from gateways import GatewayProcess, namespace
from prism.client.sync import Client
from prism.errors import GatewayUnavailable, InvalidArgument, NamespaceNotFound, PermissionDenied
from prism.gateway.call import Call
from prism.gateway.chain import Policies
from prism.gateway.hops.overload import Overload, OverloadDetector
from prism.gateway.observers.audit_calls import AuditCalls
from prism.principal import Principal
from prism.telemetry.audit.audit import Event


def alice(call: Call) -> None:
    call.principal = Principal("alice")


def never_on_secrets(call: Call) -> None:
    if call.namespace == "secrets":
        raise PermissionDenied("you may not read this namespace") from ValueError("rule 3 of policy.yaml")


async def test_calls_are_recorded_by_namespace() -> None:
    """One namespace in full, the others not at all; failures of either kind with their reason."""
    events: list[Event] = []
    async with data_path("full", "none", policies=Policies(authenticate=alice)) as gateway:
        gateway.observe([AuditCalls(events.append, 0.0, {"full": 1.0})])
        await call(gateway, "Put", PUT, "full")
        await call(gateway, "Put", PUT, "none")
        with pytest.raises(InvalidArgument):
            await call(gateway, "Get", MALFORMED, "full")
        with pytest.raises(NamespaceNotFound):
            await call(gateway, "Get", GET, "elsewhere")
    assert [(each.action, each.outcome, each.reason) for each in events] == [
        (f"{SERVICE}/Put", "OK", ""),
        (f"{SERVICE}/Get", "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ]
    assert {(each.kind, each.principal, each.namespace, each.peer) for each in events} == {
        ("call", "alice", "full", "192.0.2.7:1234")
    }
    assert events[0].backend == "memory"


async def test_a_share_of_the_calls() -> None:
    """Sampled calls are a part of all: not none, and not each."""
    events: list[Event] = []
    async with data_path("some") as gateway:
        gateway.observe([AuditCalls(events.append, 0.5, {})])
        for _ in range(200):  # none or all of 200: once in 10^60 runs
            await call(gateway, "Get", GET, "some")
    assert 0 < len(events) < 200


async def test_every_denial_is_recorded_once() -> None:
    """Who, what, where from and why: the caller's sentence, and what only the operator may know."""
    events: list[Event] = []
    policies = Policies(authenticate=alice, authorize=never_on_secrets)
    async with data_path("secrets", policies=policies) as gateway:
        calls = AuditCalls(events.append, 1.0, {})
        gateway.observe([calls])
        gateway.denials.listen(calls.denied)
        with pytest.raises(PermissionDenied):
            await call(gateway, "Get", GET, "secrets")
    (event,) = events
    assert (event.kind, event.action, event.outcome) == ("denial", f"{SERVICE}/Get", "PERMISSION_DENIED")
    assert (event.principal, event.namespace, event.peer) == ("alice", "secrets", "192.0.2.7:1234")
    assert event.detail == {"message": "you may not read this namespace", "why": "rule 3 of policy.yaml"}


async def test_calls_that_an_overloaded_gateway_refuses_are_counted_and_not_recorded() -> None:
    """Nobody was denied anything, and so many events would be the loss of others."""
    events: list[Event] = []
    lag = OverloadDetector()
    lag.bound = 0.5
    for _ in range(2):
        lag.note(1.0)
    async with data_path("secrets", policies=Policies(overload=Overload(lag))) as gateway:
        gateway.denials.listen(AuditCalls(events.append, 0.0, {}).denied)
        with pytest.raises(GatewayUnavailable):
            await call(gateway, "Get", GET, "secrets")
        assert list(gateway.denials.counts()) == [("secrets", "OVERLOADED", 1)]
    assert events == []


def test_the_trail_of_a_gateway(tmp_path: Path) -> None:
    """From the first plugin to the last: lives of plugins, calls, reloads, and what the metrics say of it."""
    trail = tmp_path / "audit.jsonl"
    config = {"audit": {"output": str(trail), "namespaces": {"kept": 1}}}
    namespaces = [namespace("kept", "memory"), namespace("other", "memory", store="other")]
    gateway = GatewayProcess(config | {"namespaces": namespaces}, tmp_path).start()
    try:
        with Client(gateway.data) as prism:
            for name in ("kept", "other"):
                prism.keyvalue(name).put("r", {b"k": b"v"})
        with urllib.request.urlopen(f"http://{gateway.metrics}/metrics") as answer:
            metrics = answer.read().decode()
        gateway.write_config(config | {"namespaces": namespaces[:1]})
        gateway.wait_for_log("1 removed")
        gateway.write_config(config | {"namespaces": namespaces[:1], "unknown": 1})
        gateway.wait_for_log("was not applied")
    finally:
        assert gateway.stop() == 0
    events = [json.loads(line) for line in trail.read_text().splitlines()]
    assert [each["sequence"] for each in events] == list(range(1, len(events) + 1))
    actions = [(each["kind"], each["action"], each["outcome"]) for each in events]
    assert actions == [
        ("plugin", "plugin.serves", "OK"),
        ("plugin", "plugin.serves", "OK"),
        ("call", f"{SERVICE}/Put", "OK"),
        ("admin", "configuration.reload", "OK"),
        ("plugin", "plugin.stopped", "OK"),
        ("admin", "configuration.reload", "INVALID_ARGUMENT"),
        ("plugin", "plugin.stopped", "OK"),
    ]
    assert events[3]["removed"] == ["other"]
    assert events[0]["store"]
    assert "prism_audit_events_lost_total 0.0" in metrics
    assert "prism_audit_queue_length" in metrics


def test_a_trail_on_standard_output_has_it_to_itself(tmp_path: Path) -> None:
    """What a gateway says to people goes to standard error then: every line of the output is an event."""
    config = tmp_path / "prism.yaml"
    config.write_text(
        "gateway: {listen: '127.0.0.1:0'}\nadmin: {enabled: false}\ntelemetry: {listen: '127.0.0.1:0'}\n"
        "audit: {output: stdout}\nnamespaces: [{name: here, backend: memory}]\n"
    )
    command = [sys.executable, "-m", "prism", "serve", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.startswith("  metrics ") for line in process.stderr)
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert [json.loads(line)["action"] for line in output.splitlines()] == ["plugin.serves", "plugin.stopped"]
