"""nginx and HAProxy, real ones, in front of a gateway; a test that needs one skips by name where it cannot be had."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from missing import missing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

ROOT: Final = Path(__file__).parents[1]

_NGINX: Final = """
    daemon off;
    master_process off;
    error_log stderr notice;
    pid {folder}/pid;
    events {{ worker_connections 256; }}
    http {{
        access_log off;
        client_body_temp_path {folder}/body;
        proxy_temp_path {folder}/proxy;
        fastcgi_temp_path {folder}/fastcgi;
        uwsgi_temp_path {folder}/uwsgi;
        scgi_temp_path {folder}/scgi;
        server {{
            listen 127.0.0.1:{port} http2;
            location / {{
                grpc_pass grpc://{upstream};
                grpc_read_timeout {timeout}s;
                grpc_send_timeout {timeout}s;
            }}
        }}
    }}
"""

_HAPROXY: Final = """
    defaults
        mode http
        timeout connect 2s
        timeout client 60s
        timeout server {timeout}s
    frontend there
        bind 127.0.0.1:{port} proto h2
        default_backend gateway
    backend gateway
        server gateway {upstream} proto h2
"""

PROXIES: Final = ("nginx", "haproxy")


@contextmanager
def proxied(name: str, upstream: str, *, timeout: int) -> Iterator[str]:
    """The address of a proxy that gives up an upstream which is silent for `timeout` seconds."""
    program = _program(name)
    port = HeldPort()
    process = ServerProcess(name)
    try:
        file = process.folder / "configuration"
        text = {"nginx": _NGINX, "haproxy": _HAPROXY}[name]
        file.write_text(
            textwrap.dedent(text).format(folder=process.folder, port=port, upstream=upstream, timeout=timeout)
        )
        if name == "nginx":
            process.launch([program, "-p", process.folder, "-e", "stderr", "-c", file], "event method")
        else:
            process.launch([program, "-W", "-db", "-f", file], "Loading success")
        yield f"127.0.0.1:{port}"
    finally:
        process.remove()


def _program(name: str) -> Path:
    if found := shutil.which(name) or shutil.which(name, path="/usr/sbin"):
        return Path(found)
    unpacked = ROOT / ".cache" / name / "usr" / "sbin" / name
    if not unpacked.exists():
        missing(f"{name} is not installed (dev/setup takes it from the Debian package {name})")
    return unpacked
