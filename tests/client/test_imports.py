"""What an application pays for when it imports the client."""

import subprocess
import sys

HEAVY = {
    "pydantic",
    "yaml",
    "click",
    "uvloop",
    "asyncpg",
    "prometheus_client",
    "watchfiles",
    "h11",
    "prism.wire.server.server",
}


def test_importing_the_client_stays_light() -> None:
    """Nothing that only gateways and operators need."""
    code = "import sys, prism.client, prism.client.sync; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())
