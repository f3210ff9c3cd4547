"""`python -m prism.sdk`: what it teaches, and what it refuses."""

import subprocess
from pathlib import Path

import pytest

from host.standalone import command

REFUSED = {
    "strangers": (("memory", "--listen", "0.0.0.0:0"), 2, "--tls-client-ca"),
    "strangers over tls": (("memory", "--tls-key", "{key}", "--listen", "0.0.0.0:0"), 2, "must be given together"),
    "no such plugin": (("nosuch",), 1, "installed plugins: clickhouse, files, gremlin"),
    "no such package": (("no.such.package",), 1, "or of an importable Python package"),
    "no address": (("memory", "--listen", "nowhere"), 2, "write host:port"),
    "no folder": (
        ("memory", "--listen", "unix:{folder}/none/x.sock"),
        1,
        "create it, or choose another address (--listen)",
    ),
    "no such host": (("memory", "--listen", "127.0.0.1:0", "--probes", "no-host.invalid:1"), 1, "(--probes)"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_refused_at_the_start(fault: str, tmp_path: Path) -> None:
    """With the reason, and without a traceback."""
    (tmp_path / "key").touch()
    options, code, reason = REFUSED[fault]
    options = tuple(each.format(key=tmp_path / "key", folder=tmp_path) for each in options)
    done = subprocess.run(command(*options), capture_output=True, text=True, timeout=30)
    assert (done.returncode, reason in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr


def test_help_teaches() -> None:
    """It says what to type, down to a write by grpcurl."""
    said = subprocess.run(command("--help"), capture_output=True, text=True, timeout=30, check=True).stdout
    for taught in ("grpcurl -plaintext", "BackendPlugin/Initialize", "KeyValuePutRequest", "--tls-client-ca"):
        assert taught in said
