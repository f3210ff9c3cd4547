"""What builds images: docker, podman, or buildah, which needs no engine and, as root, no user namespaces."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Engine:
    """One of them.

    Attributes:
        name: `docker`, `podman` or `buildah`.
        store: where buildah keeps images; None for its own place.
        pull: base images may be fetched.
    """

    name: str
    store: Path | None = None
    pull: bool = True

    def command(self, *arguments: str) -> list[str]:
        """A command line of it."""
        kept = ["--root", f"{self.store}/images", "--runroot", f"{self.store}/run"] if self.store else []
        return [self.name, *kept, *arguments]

    def build(self, file: Path, target: str, context: Path, tags: Sequence[str], arguments: Mapping[str, str]) -> None:
        """Builds one image; equal contents have equal digests, for no time is in it."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        named = [word for tag in tags for word in ("--tag", tag)]
        match self.name:
            case "docker":
                how = ["buildx", "build", "--build-arg", "SOURCE_DATE_EPOCH=0"]
                how += ["--provenance=false", "--output", "type=docker,rewrite-timestamp=true"]
            case "podman":
                how = ["build", "--timestamp", "0", "--format", "oci", "--layers"]
            case _:
                how = ["build", "--timestamp", "0", "--format", "oci", "--layers"]
                how += ["--isolation", "chroot"] * (os.geteuid() == 0)
                how += [] if self.pull else ["--pull-never"]
        command = self.command(*how, "--file", str(file), "--target", target, *given, *named, str(context))
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{done.stdout}\n{' '.join(command)}\nfailed with {done.returncode}")

    def sizes(self) -> dict[str, int]:
        """Bytes by name and tag."""
        if self.name == "buildah":
            listed = json.loads(subprocess.check_output(self.command("images", "--json")))
            return {name: _bytes(each["size"]) for each in listed for name in each["names"] or ()}
        shown = self.command("image", "ls", "--format", "{{.Repository}}:{{.Tag}}")
        names = subprocess.check_output(shown, text=True).split()
        inspect = self.command("image", "inspect", "--format", "{{.Size}}")
        return {name: int(subprocess.check_output([*inspect, name])) for name in names if "prism/" in name}


def _bytes(text: str) -> int:
    number, unit = text.split()
    return round(float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit.upper()])


def found(name: str, store: Path | None, *, pull: bool) -> Engine:
    """The engine of that name; without one the first that works here."""
    if name:
        return Engine(name, store, pull)
    for each in ("docker", "podman"):
        if shutil.which(each) and not subprocess.run([each, "info"], capture_output=True, check=False).returncode:
            return Engine(each)
    if shutil.which("buildah"):
        return Engine("buildah", store, pull)
    raise SystemExit("images need docker, podman or buildah: none of them works here (Debian: apt install buildah)")
