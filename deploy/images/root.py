"""Gathers the root of an image inside the base image: an interpreter, what it is linked with, and packages.

Run by the Dockerfile with the base's own Python, which alone is there: the standard library is all that it may use.
Everything that it writes depends on the base and the wheels alone, so that two builds are equal.
"""

import compileall
import json
import os
import py_compile
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

BUILD = Path("/build")
ROOT = BUILD / "root"
ORIGINS = BUILD / "origins"
USER = 65532
LEFT_OUT = frozenset(
    {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "venv", "distutils",
     "site-packages", "dist-packages", "__pycache__", "turtle.py"}
)  # fmt: skip
"""Of the standard library: nothing of Prism imports them."""
PACKAGES = Path(site.getsitepackages()[0])


def interpreter() -> None:
    """Python, its libraries, and the files under /etc that a process needs."""
    (ROOT / "etc").mkdir(parents=True)
    for name in ("tmp", "proc", "dev", "home", "etc/prism", "run/secrets"):  # what an engine mounts
        (ROOT / name).mkdir(parents=True, exist_ok=True)
    (ROOT / "tmp").chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):  # as in every Debian; the loader's path begins with one of them
        (ROOT / "usr" / name).mkdir(parents=True, exist_ok=True)
        (ROOT / name).symlink_to(f"usr/{name}")
    program = Path(sys.executable).resolve()
    copy(program)
    for folder in {program.parent, Path("/usr/bin")}:
        link = ROOT / str(folder / "python3")[1:]
        if not link.exists():
            link.symlink_to(program)
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*")):
        parts = path.relative_to(library).parts
        if path.is_file() and LEFT_OUT.isdisjoint(parts) and not parts[0].startswith("config-"):
            copy(path)
    link_libraries([program, *(library / "lib-dynload").glob("*.so")])
    for path in ("/etc/ssl/certs/ca-certificates.crt", "/etc/os-release"):
        copy(Path(path))
    write("usr/lib/ssl/cert.pem", (ROOT / "etc/ssl/certs/ca-certificates.crt").read_text())
    zones = Path("/usr/share/zoneinfo")
    for path in sorted(zones.rglob("*")):
        if path.is_file() and path.relative_to(zones).parts[0] not in ("posix", "right"):
            copy(path)
    write("etc/passwd", f"root:x:0:0:root:/:/none\nnonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/none\n")
    write("etc/group", f"root:x:0:\nnonroot:x:{USER}:\n")
    write("etc/nsswitch.conf", "hosts: files dns\n")
    translate(library)


def packages() -> None:
    """What Prism needs of others."""
    install("--requirement", "/build/requirements.txt")


def prism() -> None:
    """Prism itself, and what says what the image holds."""
    install("--no-deps", *(str(each) for each in sorted((BUILD / "prism").glob("*.whl"))))
    (BUILD / "own" / "prism").mkdir(parents=True)
    write("usr/share/prism/image.txt", (BUILD / "about.txt").read_text())
    bill_of_materials()


def busybox() -> None:
    """The tools of a debug image."""
    program = BUILD / "busybox" / "busybox"
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    for name in listed.split():
        link = program.parent / name
        if not link.exists():
            link.symlink_to("busybox")


def install(*what: str) -> None:
    """Wheels go where the interpreter looks for packages, without a network."""
    (pip,) = (BUILD / "wheels").glob("pip-*.whl")
    target = ROOT / str(PACKAGES)[1:]
    before = set(target.rglob("*.so")) if target.exists() else set()
    subprocess.run(
        [
            sys.executable, f"{pip}/pip", "install", "--quiet", "--no-index", "--find-links", str(BUILD / "wheels"),
            "--no-compile", "--no-cache-dir", "--disable-pip-version-check", "--root-user-action", "ignore",
            "--target", str(target), *what,
        ],
        check=True,
    )  # fmt: skip
    shutil.rmtree(target / "bin", ignore_errors=True)  # scripts that name this interpreter; `python3 -m` is what runs
    link_libraries(sorted(set(target.rglob("*.so")) - before))
    translate(PACKAGES)


def translate(folder: Path) -> None:
    """Byte code that is never checked against its source, whose time an image does not keep."""
    compileall.compile_dir(
        ROOT / str(folder)[1:],
        quiet=2,
        stripdir=str(ROOT),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def copy(path: Path, name: Path | None = None) -> None:
    """One file, with all links on its way followed; nothing that others may write, nothing that runs as its owner."""
    target = ROOT / str((name or path).parent.resolve())[1:] / (name or path).name
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path.resolve(), target)
    target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    with ORIGINS.open("a") as origins:
        print(path, path.resolve(), sep="\n", file=origins)


def write(name: str, text: str) -> None:
    """A file of our own."""
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link_libraries(programs: Iterable[Path]) -> None:
    """The shared libraries that the programs are linked with, and the loader's table of them."""
    for path in sorted(set(_libraries(programs))):
        if not str(path).startswith(str(ROOT)):
            copy(path)
    # Threads that are cancelled, and C++ in wheels, ask for these by name at run time.
    for name in ("libgcc_s.so.1", "libstdc++.so.6"):
        for folder in ("/lib", "/usr/lib"):
            for path in Path(folder).glob(f"*-linux-gnu*/{name}"):
                copy(path)
    subprocess.run(["ldconfig", "-r", str(ROOT)], check=True)
    shutil.rmtree(ROOT / "var" / "cache", ignore_errors=True)


def _libraries(programs: Iterable[Path]) -> Iterator[Path]:
    for program in programs:
        said = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        for line in said.splitlines():
            words = line.replace("=>", " ").split()
            yield from (Path(each) for each in words if each.startswith("/"))


def bill_of_materials() -> None:
    """A CycloneDX SBOM, and the records of Debian's packages where scanners look for them."""
    components = []
    for each in metadata.distributions(path=[str(ROOT / str(PACKAGES)[1:])]):
        name, version = each.metadata["Name"], each.version
        components.append(component(name, version, f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"))
    python = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    components.append(component("cpython", python, f"pkg:generic/cpython@{python}"))
    for name in sorted(owners()):
        query = ["dpkg-query", "--show", "--showformat", "${Package}\n${Version}\n${Architecture}", name]
        package, version, architecture = subprocess.check_output(query, text=True).split("\n")
        url = f"pkg:deb/debian/{package}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
        components.append(component(package, version, url))
        write(f"var/lib/dpkg/status.d/{package}", subprocess.check_output(["dpkg-query", "--status", name], text=True))
        licence = Path("/usr/share/doc") / package / "copyright"
        if licence.exists():
            copy(licence)
    components.sort(key=lambda each: each["purl"])
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}
    write("usr/share/prism/sbom.cdx.json", json.dumps(bill, indent=1) + "\n")


def component(name: str, version: str, url: str) -> dict[str, str]:
    """One entry of the SBOM."""
    return {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}


def owners() -> set[str]:
    """The packages of Debian that files of the root came from."""
    found = set()
    paths = sorted(set(ORIGINS.read_text().split("\n")) - {""})
    paths += [path.removeprefix("/usr") for path in paths if path.startswith("/usr/lib")]
    said = subprocess.run(["dpkg", "--search", *paths], capture_output=True, text=True, check=False).stdout
    for line in said.splitlines():
        names, _, path = line.rpartition(": ")
        if path and not names.startswith("diversion"):
            found.update(names.split(", "))
    return found


if __name__ == "__main__":
    {"interpreter": interpreter, "packages": packages, "prism": prism, "busybox": busybox}[sys.argv[1]]()
