"""Discovery: built-in plugins by folder, others by real entry points of distributions on the path."""

import subprocess
import sys
from pathlib import Path

import pytest

from prism.errors import FailedPrecondition
from prism.plugins.discovery import Plugin, discover
from prism.plugins.manifest import read

TOY = (Path(__file__).parent / "toy_store" / "plugin.toml").read_text()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python imports from."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def install(site: Path, distribution: str, package: str, manifest: str | None) -> None:
    """Puts a distribution with one plugin there, as pip would."""
    (site / package).mkdir(exist_ok=True)
    (site / package / "__init__.py").touch()
    if manifest is not None:
        (site / package / "plugin.toml").write_text(manifest)
    metadata = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[prism.plugins]\n{package}-point = {package}\n")


def test_built_in_plugins_are_found_without_their_drivers() -> None:
    """Scanning imports no driver and no backend."""
    code = (
        "import sys; from prism.plugins.discovery import discover; print(*sorted(discover().found));"
        "assert not {'asyncpg', 'sqlite3'} & set(sys.modules), 'a driver was imported';"
        "assert not any(name.endswith('.backend') and 'backends' in name for name in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert {"memory", "postgres", "sqlite"} <= set(result.stdout.split())


def test_a_third_party_plugin_is_found_by_its_entry_point(site: Path) -> None:
    """A distribution joins by naming a package that holds a plugin.toml; the package is not imported."""
    install(site, "acme-prism", "acme_store", TOY.replace('"toy"', '"acme"'))
    found = discover().found["acme"]
    assert (found.origin, found.distribution) == ("acme_store", "acme-prism")
    assert "acme_store" not in sys.modules


def test_broken_plugins_are_reported_and_harm_no_other(site: Path) -> None:
    """A wrong manifest, a missing one and a missing package are each named; everything else is there."""
    install(site, "broken-one", "broken_one", TOY.replace("protocol = 1", "protocol = 9"))
    install(site, "broken-two", "broken_two", None)
    install(site, "broken-three", "broken_three", None)
    (site / "broken_three" / "__init__.py").unlink()
    (site / "broken_three").rmdir()
    install(site, "good", "good_store", TOY.replace('"toy"', '"good"'))
    plugins = discover()
    problems = {each.name: each.problem for each in plugins.broken}
    assert problems.keys() == {"broken_one-point", "broken_two-point", "broken_three-point"}
    assert "protocol" in problems["broken_one-point"]
    assert "plugin.toml" in problems["broken_two-point"]
    assert {"good", "memory"} <= set(plugins.found)


def test_a_name_that_is_taken_stays_with_the_built_in(site: Path) -> None:
    """No distribution can put itself in the place of a built-in backend."""
    install(site, "thief", "thief_store", TOY.replace('"toy"', '"sqlite"'))
    plugins = discover()
    assert plugins.found["sqlite"].origin == "prism.backends.sqlite"
    assert "already used by prism.backends.sqlite" in plugins.broken[0].problem


def test_a_missing_driver_is_answered_with_the_extra_to_install() -> None:
    """The sentence can be pasted into a shell."""
    manifest = read(TOY.replace("[cap", 'extra = "postgres"\ndrivers = ["no_such_driver"]\n[cap').encode())
    plugin = Plugin(manifest.model_copy(update={"backend": "no_such_driver.x:Y"}), "toy")
    assert plugin.missing_drivers() == ("no_such_driver",)
    with pytest.raises(FailedPrecondition, match=r"pip install 'prism-gateway\[postgres\]'"):
        plugin.backend_type()


def test_offers_name_the_plugins_that_declare_a_capability() -> None:
    """For the sentence that refuses a call for want of one."""
    offers = discover().offers()
    assert {"memory", "postgres", "sqlite"} <= set(offers["keyvalue", "transactions"])
    assert "memory" not in offers["keyvalue", "durability"]


@pytest.mark.parametrize("reference", ["plugins.toy_store.nowhere:Toy", "plugins.toy_store.config:Nothing"])
def test_a_class_that_is_not_there_is_named(reference: str) -> None:
    """A defect of a plugin is told by plugin and reference, not by a traceback."""
    plugin = Plugin(read(TOY.encode()).model_copy(update={"config": reference}), "toy")
    with pytest.raises(FailedPrecondition, match=r"plugin 'toy': plugins\.toy_store"):
        plugin.config_model()


def test_a_model_must_be_a_config() -> None:
    """Unknown fields would pass through any other class."""
    plugin = Plugin(read(TOY.encode()).model_copy(update={"config": "pathlib:Path"}), "toy")
    with pytest.raises(FailedPrecondition, match=r"prism\.sdk\.Config"):
        plugin.config_model()
