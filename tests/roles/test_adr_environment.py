"""Each role starts from the environment of ADR-025: its names and values, all of them at once."""

import time
from pathlib import Path

import pytest

from prism.roles.container.settings import Settings
from roles.adr_environment import BLOCK, sides
from roles.processes import ClientRole, PluginRole

ROLES = (
    ("publisher", "kafka"),
    ("consumer", "kafka"),
    ("publisher", "nats"),
    ("consumer", "nats"),
    ("listener", ""),
    ("processor", ""),
    ("reader", ""),
)
SAMPLE = (("consumer", "nats"), ("listener", ""))
PATIENCE = 120.0
"""Seconds, on a machine that is busy."""


@pytest.mark.parametrize(("role", "broker"), ROLES)
def test_every_name_is_known(role: str, broker: str) -> None:
    """No value is refused, whichever role it is for."""
    said = {"PRISM_PLUGIN_ROLE": role, "PRISM_BACKEND_TYPE": broker or "postgres"}
    settings = Settings.load("", {**BLOCK, **said, "NATS_SUBJECT": "events", "MAILBOX_ID": "system"})
    assert (settings.prism_plugin_role, settings.prism_namespace) == (role, "production")
    assert not [name for name in BLOCK if not hasattr(settings, name.lower())]


@pytest.mark.slow
@pytest.mark.parametrize(("role", "broker"), ROLES)
def test_starts(role: str, broker: str, whole: bool, tmp_path: Path) -> None:
    """Ready with its gateway and its broker or database, and ended by SIGTERM."""
    if not whole and (role, broker) not in SAMPLE:
        pytest.skip("two roles are the sample; all of them: of `make acceptance` and of whole runs")
    if broker:
        pytest.importorskip({"kafka": "confluent_kafka", "nats": "nats"}[broker])
    with sides(broker, role, tmp_path) as environment:
        environment |= {"PRISM_PLUGIN_ROLE": role, "PRISM_BACKEND_TYPE": broker or "postgres"}
        environment |= {"PRISM_METRICS_PORT": "0"}
        environment.pop("PRISM_PLUGIN_LISTEN", None)
        process = (PluginRole if role in ("processor", "reader") else ClientRole)(role, **environment)
        try:
            process.start()
            deadline = time.monotonic() + PATIENCE
            while (answer := process.ready())[0] != 200:
                assert time.monotonic() < deadline, answer
                time.sleep(0.05)
            assert process.end() == 0
        finally:
            process.remove()
