"""Services of a plugin's own: opted into by a namespace, described by the plugin's manifest, refused by name."""

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from config.file import File
from control.world import toy_plugins
from prism.acceptance.relay.service import NAME, SERVICE, descriptors
from prism.plugins.discovery import Plugin, Plugins
from prism.plugins.manifest import ManifestInvalid, read
from prism.plugins.own_services import OwnService, described
from relays import FOLDER, RELAY, changed, other_descriptors

ROUTED = f"namespaces: [{{name: a, backend: relay, services: [{NAME}]}}]"


def known(*plugins: Plugin) -> Plugins:
    """These plugins, beside the toys."""
    return Plugins({**toy_plugins().found, **{each.name: each for each in plugins}})


def test_what_the_manifest_names_is_what_the_relay_serves() -> None:
    """The file beside it says what its service does; an older version of what it imports changes nothing."""
    assert described((FOLDER / "relay.binpb").read_bytes(), (NAME,)) == (OwnService.of(SERVICE),)


def test_a_namespace_has_them_where_it_says_so(file: File) -> None:
    """By name, in either form; one that does not has none, and differs from one that does."""
    loaded = file.load(
        f"""
namespaces:
  - {{name: a, backend: relay, abstraction: keyvalue, services: [{NAME}]}}
  - {{name: b, backend: relay, abstraction: keyvalue}}
  - name: c
    backends: {{keyvalue: {{backend: memory}}, cache: {{backend: relay, services: [{NAME}]}}}}
""",
        known(RELAY),
    )
    a, b, c = loaded.namespaces.values()
    assert a.backends[0].services == {"prism.data.v1.KeyValue", NAME}
    assert b.backends[0].services == {"prism.data.v1.KeyValue"}
    assert [each.services for each in c.backends] == [{"prism.data.v1.KeyValue"}, {"prism.data.v1.Cache", NAME}]
    assert not a.equals(b)
    (service,) = a.backends[0].own
    assert [each.path for each in service.operations] == [
        f"/{NAME}/{method}" for method in ("Echo", "Down", "Up", "Both", "Open")
    ]
    again = file.load(ROUTED, known(RELAY)).namespaces["a"]
    assert again.backends[0].own[0] is service  # so that a reload changes no method


def test_what_it_cannot_have_is_named(file: File) -> None:
    """A service that no manifest lists, with the nearest; two backends with one."""
    problems = file.problems(
        f"""
namespaces:
  - {{name: a, backend: relay, services: [prism.acceptance.Rely]}}
  - {{name: b, backend: memory, services: [x.Y]}}
  - name: c
    backends:
      keyvalue: {{backend: relay, services: [{NAME}], config: {{store: other}}}}
      cache: {{backend: relay, services: [{NAME}]}}
  - {{name: d, backends: {{keyvalue: {{backend: memory}}}}, services: [x.Y]}}
""",
        known(RELAY),
    )
    assert problems["namespaces[0].services[0]"].nearest == NAME
    assert problems["namespaces[1].services[0]"].allowed == "nothing, as it has none"
    assert (
        "two backends of the namespace have this service" in problems["namespaces[2].backends.cache.services"].message
    )
    assert "no 'services' of its own" in problems["namespaces[3].services"].message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff\xff", "is not a FileDescriptorSet; write it with `protoc --descriptor_set_out`"),
        (b"", f"has no service {NAME}; list under 'services' what it describes"),
        (
            FileDescriptorSet(file=FileDescriptorSet.FromString(descriptors()).file[-1:]).SerializeToString(),
            "write it with `protoc --include_imports --descriptor_set_out`",
        ),
    ],
    ids=["none", "garbage", "another", "imports"],
)
def test_a_file_that_describes_nothing(file: File, tmp_path: Path, content: bytes | None, said: str) -> None:
    """One sentence each; only where a namespace wants what it describes."""
    broken = changed(tmp_path, content or b"")
    if content is None:
        (tmp_path / "relay.binpb").unlink()
    message = file.problems(ROUTED, known(broken))["namespaces[0].services"].message
    assert said in message
    assert "plugin 'relay': its descriptors " in message
    file.load("namespaces: [{name: a, backend: relay}]", known(broken))


def test_two_plugins_that_describe_one_name_differently(file: File, tmp_path: Path) -> None:
    """Are refused together, and serve alone; with one description they may both."""
    both = f"{ROUTED[:-1]}, {{name: b, backend: other, services: [{NAME}]}}]"
    other = changed(tmp_path, other_descriptors(), name="other")
    assert "plugins 'relay' and 'other' describe prism.acceptance.Relay/Open differently" in str(
        file.problems(both, known(RELAY, other))["namespaces[1].services"].message
    )
    file.load(ROUTED.replace("relay", "other"), known(other))
    file.load(both, known(RELAY, changed(tmp_path, descriptors(), name="other")))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('services = ["a.B"]', "give 'services' and the 'descriptors' that describe them together"),
        ('descriptors = "a.binpb"', "give 'services' and the 'descriptors' that describe them together"),
        ('services = ["prism.data.v1.KeyValue"]\ndescriptors = "a"', "is the service of an abstraction"),
        ('services = ["grpc.health.v1.Health"]\ndescriptors = "a"', "is in a package of the gateway's own"),
    ],
)
def test_a_manifest_that_cannot_be(lines: str, said: str) -> None:
    """One without the other, and names that are not a plugin's to have."""
    text = (FOLDER / "plugin.toml").read_text()
    ours = f'services = ["{NAME}"]\ndescriptors = "relay.binpb"'
    with pytest.raises(ManifestInvalid, match=said):
        read(text.replace(ours, lines).encode())
