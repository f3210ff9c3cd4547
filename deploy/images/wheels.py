"""The wheels of the images, built or fetched once: those of others by what pyproject.toml asks for, and Prism's own."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from images import ROOT, everything

CACHE = ROOT / ".cache" / "images"
_GLIBC = range(17, 37)
"""Of wheels: up to that of the base, Debian 12."""
_BESIDE = ("pip", "async-timeout")
"""What installs, and what redis wants of a Python that is older than the one that fetches."""
_FROM_SOURCE = ("nkeys",)
"""Plain Python that is published without a wheel."""
_SOURCES = ("src", "proto", "README.md", "LICENSE", "pyproject.toml")


def others(python: str) -> Path:
    """A folder of what Prism needs of others, for that Python."""
    machine = os.uname().machine
    wanted = [*everything(), *_BESIDE]
    folder = CACHE / f"wheels-{_digest([python, machine, *wanted])}"
    if not folder.exists():
        made = folder.with_suffix(f".{os.getpid()}")
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC] + [f"manylinux2014_{machine}"]
        _pip("wheel", "--wheel-dir", str(made), "--no-deps", *_FROM_SOURCE)
        _pip(
            "download", "--dest", str(made), "--find-links", str(made), "--only-binary", ":all:",
            "--python-version", python, *(word for each in platforms for word in ("--platform", each)), *wanted,
        )  # fmt: skip
        made.rename(folder)
    return folder


def own() -> Path:
    """A folder of Prism's wheels: the native part too, where Rust is."""
    files = sorted(path for name in _SOURCES for path in _files(ROOT / name))
    native = sorted(path for path in _files(ROOT / "native") if "target" not in path.parts)
    folder = CACHE / f"prism-{_digest([str(path), path.read_bytes()] for path in files + native)}"
    if not folder.exists():
        made = folder.with_suffix(f".{os.getpid()}")
        _pip("wheel", "--wheel-dir", str(made), "--no-deps", *_isolated("hatchling"), str(ROOT))
        compiled = CACHE / f"native-{_digest([str(path), path.read_bytes()] for path in native)}"
        if not compiled.exists() and shutil.which("cargo"):
            _pip("wheel", "--wheel-dir", f"{compiled}.part", "--no-deps", str(ROOT / "native"))
            Path(f"{compiled}.part").rename(compiled)
        for wheel in compiled.glob("*.whl"):
            shutil.copy(wheel, made)
        for old in set(CACHE.glob("prism-*")) - {made}:
            shutil.rmtree(old)
        made.rename(folder)
    return folder


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.is_file() and "__pycache__" not in each.parts]


def _digest(parts: "object") -> str:
    digest = hashlib.sha256()
    for part in parts:  # type: ignore[attr-defined]
        for each in part if isinstance(part, list) else [part]:
            digest.update(each if isinstance(each, bytes) else str(each).encode())
    return digest.hexdigest()[:16]


def _isolated(backend: str) -> Sequence[str]:
    try:
        __import__(backend)
    except ImportError:
        return ()
    return ("--no-build-isolation",)


def _pip(*arguments: str) -> None:
    environment = os.environ | {"SOURCE_DATE_EPOCH": "315532800"}  # what a zip file can say first
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, env=environment, check=False).returncode:
        raise SystemExit(f"{' '.join(arguments[:3])}: pip has failed, as it says above")
