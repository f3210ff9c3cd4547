"""A whole gateway before a plugin in another process: `python -m bench.peers.prism_gateway SOCKET UPSTREAM`.

UPSTREAM is attached as a sidecar: the load's program speaks `prism.plugin.v1` there, and echoes. Every hop is on:
callers are authenticated by an API key and allowed by a rule.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

import uvloop

from bench.headers import TOKEN
from prism.server.server import GatewayServer

NAMESPACE = "bench"

_MANIFEST = """
name = "bench-echo"
version = "1"
protocol = 1
summary = "Echoes."
maturity = "alpha"
interfaces = ["keyvalue"]
placement = "remote"

[capabilities]
scan = true
"""

_CONFIG = """
gateway: {{max_message_size: 16MiB}}
admin: {{listen: "127.0.0.1:0"}}
telemetry: {{listen: "127.0.0.1:0"}}
plugins: {{folders: ["{folder}"]}}
authentication:
  methods:
    - type: api_keys
      keys: [{{name: bench, hash: "sha256:{key}"}}]
authorization:
  rules:
    - {{principals: [bench], namespaces: [{namespace}], operations: [read]}}
namespaces:
  - name: {namespace}
    backend: bench-echo
    plugin: {{type: sidecar, socket: "{upstream}"}}
"""


def configure(folder: Path, upstream: str) -> Path:
    """Writes the configuration, and the folder of the plugin."""
    plugin = folder / "plugins" / "bench-echo"
    plugin.mkdir(parents=True)
    (plugin / "plugin.toml").write_text(_MANIFEST)
    key = hashlib.sha256(TOKEN.encode()).hexdigest()
    file = folder / "prism.yaml"
    file.write_text(_CONFIG.format(folder=plugin.parent, key=key, namespace=NAMESPACE, upstream=upstream))
    return file


def serve(path: str, upstream: str) -> None:
    """Serves until killed."""
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(GatewayServer(configure(Path(folder), upstream), [f"unix:{path}"]).run())


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
