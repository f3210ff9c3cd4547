"""The Compose files: what they would start is configured rightly, by their own environment; and has no power.

`docker compose config` checks them too, where it is.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.built import ROOT, catalogue
from prism.roles.container.settings import Settings

FOLDER: Final = ROOT / "deploy" / "compose"
FILES: Final = ("compose.yaml", "roles.yaml", "plugins.yaml")
CONFIGURATIONS: Final = ("prism.yaml", "prism-roles.yaml", "prism-plugins.yaml")
_SECRETS: Final = {"POSTGRES_PASSWORD": "a", "REDIS_PASSWORD": "b"}


class _Loader(yaml.SafeLoader):
    """Knows `!override` of Compose."""


_Loader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


def services(name: str) -> dict[str, Any]:
    """Those of a file."""
    parsed: dict[str, Any] = yaml.load((FOLDER / name).read_text(), _Loader)
    return parsed["services"]


@pytest.mark.parametrize("name", FILES)
def test_images_are_there(name: str) -> None:
    """Each image of Prism's is one that `make images` builds, and runs without powers."""
    known = {each for image in catalogue().images() for each in (image.name, image.alias) if each}
    for service, told in services(name).items():
        image = told.get("image", "")
        if not image.startswith("prism/"):
            continue
        assert image.removeprefix("prism/").partition(":")[0] in known, service
        assert (told["read_only"], told["cap_drop"]) == (True, ["ALL"]), service
        assert "mem_limit" in told


def test_roles_start_from_their_environment() -> None:
    """What ADR-025 gives each, with what its image has already."""
    images = {image.name: image for image in catalogue().images()}
    started = set()
    for told in services("roles.yaml").values():
        image = images.get(told["image"].removeprefix("prism/").partition(":")[0])
        if image is None or image.kind != "role":
            continue
        environment = {"PRISM_PLUGIN_ROLE": image.role, "PRISM_BACKEND_TYPE": image.broker}
        environment |= dict(each.split("=", 1) for each in told["environment"])
        settings = Settings.load("", environment)
        assert (settings.prism_plugin_role, settings.prism_backend_type) == (image.role, image.broker)
        assert settings.prism_proxy_endpoint == "prism-proxy:8980"
        started.add(image.role)
    assert started == {"publisher", "consumer", "listener"}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_gateways_start_from_their_configuration(name: str) -> None:
    """`prism namespace validate` says so."""
    command = [ROOT / ".venv" / "bin" / "prism", "namespace", "validate", "--config", FOLDER / name]
    done = subprocess.run(command, env=_SECRETS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sockets_are_those_of_plugins() -> None:
    """A namespace that is served by a plugin's socket has a container that makes it."""
    told = yaml.safe_load((FOLDER / "prism-plugins.yaml").read_text())
    sockets = {entry["plugin"]["socket"] for entry in told["namespaces"][0]["backends"].values() if "plugin" in entry}
    names = {each.removesuffix("-plugin") for each in services("plugins.yaml") if each.endswith("-plugin")}
    assert sockets == {f"/run/prism/{name}.sock" for name in names}


@pytest.mark.parametrize("name", FILES)
def test_compose_agrees(name: str) -> None:
    """`docker compose config`, where it is."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("`docker compose` is not here, which checks its files")
    files = [Path("compose.yaml"), *([Path(name)] if name != "compose.yaml" else [])]
    command = [
        "docker",
        "compose",
        *(word for file in files for word in ("--file", str(FOLDER / file))),
        "config",
        "-q",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
