"""Loading a configuration: what is accepted, and that every problem of a file is told at once, at its place."""

from pathlib import Path
from typing import Any

import pytest

from config.file import File
from control.world import toy_plugins
from prism.config.loading import load
from prism.config.sections.root import Config, NamespaceEntry, is_loopback
from prism.config.yaml.problem import ConfigInvalid
from prism.plugins.discovery import BrokenPlugin, Plugins

NAMESPACE = "namespaces: [{name: a, backend: toy, config: {store: s}}]\n"


def test_the_shape_of_the_documents(file: File) -> None:
    """A namespace as RFC-008 writes it, references resolved, options validated by the backend's own models."""
    loaded = file.load(
        """
authentication: none
gateway: {listen: "0.0.0.0:8980", max_message_size: 8MiB, cors: {origins: ["https://app.example.com", "*"]}}
telemetry: {listen: "[::1]:9090", log: {level: debug, format: json, access: true}}
namespaces:
  - name: user-profiles
    abstraction: keyvalue
    backend: toy
    plugin: {type: in_process}
    config:
      store: s1
      url: "toy://u:{{ secret:PW }}@h/db"
      pool: {size: "${SIZE}"}
    credentials: {username: prism, password: "{{ secret:PW }}"}
  - name: other
    abstractions: [keyvalue]
    backend: memory
"""
    )
    spec = loaded.namespaces["user-profiles"]
    (backend,) = spec.backends
    assert backend.services == {"prism.data.v1.KeyValue"}
    assert backend.instance.config.model_dump()["url"] == "toy://u:hunter2@h/db"
    assert backend.instance.config.model_dump()["pool"] == {"size": 9, "mode": "lazy"}
    assert (loaded.config.gateway.max_message_size, loaded.config.telemetry.log.level) == (8 << 20, "debug")
    assert [each.name for each in loaded.config.namespaces] == ["user-profiles", "other"]


def test_the_defaults_listen_on_loopback(file: File) -> None:
    """Nobody but this machine reaches a gateway without authentication unless told so."""
    config = file.load(NAMESPACE + "gateway:\ntelemetry:\n").config
    assert (config.gateway.listen, config.telemetry.listen) == (("127.0.0.1:8980",), "127.0.0.1:9090")
    assert all(map(is_loopback, config.gateway.listen))
    assert [is_loopback(each) for each in ("[::1]:1", "localhost:1", "unix:/x", "0.0.0.0:1", "[::]:1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_without_an_abstraction_a_namespace_serves_all_of_its_backend(file: File) -> None:
    """As the example in RFC-008, which names none."""
    assert file.load(NAMESPACE).namespaces["a"].abstractions == ("keyvalue",)


def test_all_problems_at_once(file: File) -> None:
    """Sections, namespaces, backends' options, secrets, duplicates: each at its place with what is allowed."""
    problems = file.problems(
        """
gateway: {listen: ":8980", cors: {origins: ["https://a.b/"]}}
telemetrie: {}
namespaces:
  - {name: My_Profiles, abstraction: KeyValue, backend: tow, config: {store: s}}
  - name: b
    backend: toy
    config: {store: s, pol: {size: 1}, pool: {size: 99, mode: eagr}, url: "{{ secret:PWD }}"}
  - {name: b, backend: toy, abstractions: [keyvalue, qeue], config: {store: "${NOPE}"}}
  - {name: c, abstraction: keyvalue, abstractions: [keyvalue], backend: toy, config: {store: s}}
  - {name: d, backend: toy, config: {store: s, store: t}}
  - {name: e, backend: toy, plugin: {type: sidekick, socket: /x.sock}, config: {}}
  - {name: 5, backed: toy}
  - 7
"""
    )
    assert {path: (each.line, each.nearest) for path, each in problems.items()} == {
        "gateway.listen": (2, "127.0.0.1:8980"),
        "gateway.cors.origins[0]": (2, "https://a.b"),
        "telemetrie": (3, "telemetry"),
        "namespaces[0].name": (5, "my-profiles"),
        "namespaces[0].abstraction": (5, "keyvalue"),
        "namespaces[0].backend": (5, "toy"),
        "namespaces[1].config.pol": (8, "pool"),
        "namespaces[1].config.pool.size": (8, ""),
        "namespaces[1].config.pool.mode": (8, "eager"),
        "namespaces[1].config.url": (8, "pw"),
        "namespaces[2].name": (9, ""),
        "namespaces[2].abstractions[1]": (9, "queue"),
        "namespaces[2].config.store": (9, ""),
        "namespaces[3].abstraction": (10, ""),
        "namespaces[4].config": (11, ""),
        "namespaces[5].plugin.type": (12, "sidecar"),
        "namespaces[5].config.store": (12, ""),
        "namespaces[6].name": (13, ""),
        "namespaces[6].backend": (13, ""),
        "namespaces[6].backed": (13, "backend"),
        "namespaces[7]": (14, ""),
    }
    size = problems["namespaces[1].config.pool.size"]
    assert (size.found, size.allowed) == ("99 (a number)", "less than or equal to 64")
    assert problems["telemetrie"].allowed == (
        "admin, audit, authentication, authorization, gateway, namespaces, plugins, policies, relays, secrets, "
        "supervision, telemetry"
    )
    assert "line 6" in problems["namespaces[2].name"].message
    assert problems["namespaces[5].plugin.type"].allowed == "'in_process', 'sidecar' or 'remote'"


def test_equal_mistakes_are_told_for_every_namespace(file: File) -> None:
    """A shared block of options with a mistake in it is a problem of each namespace that uses it."""
    problems = file.problems("x: &c {stor: s}\nnamespaces: [{name: a, backend: toy, config: *c},"
                             " {name: b, backend: toy, config: *c}]")  # fmt: skip
    assert {"namespaces[0].config.stor", "namespaces[1].config.stor", "x"} <= problems.keys()


def test_a_missing_driver_names_the_extra(file: File) -> None:
    """Before anything is started."""
    plugins = toy_plugins(extra="toys", drivers=("no_such_driver",))
    problem = file.problems(NAMESPACE.replace("toy,", "toy2,"), plugins)["namespaces[0].backend"]
    assert problem.message == "backend 'toy2' needs no_such_driver; pip install 'toy-dist[toys]'"


def test_a_backend_that_does_not_serve_the_abstraction(file: File) -> None:
    """The backends that do are named."""
    plugins = toy_plugins(interfaces=())
    text = "namespaces: [{name: a, abstraction: keyvalue, backend: toy2, config: {store: s}}]"
    problem = file.problems(text, plugins)["namespaces[0].abstraction"]
    assert "backend 'toy2' does not serve keyvalue; memory and " in problem.message


def test_a_broken_plugin_is_told_where_it_is_used(file: File) -> None:
    """Not as an unknown name."""
    plugins = Plugins(toy_plugins().found, (BrokenPlugin("acme", "acme_store", "plugin.toml: protocol: 9"),))
    problem = file.problems(NAMESPACE.replace("toy,", "acme,"), plugins)["namespaces[0].backend"]
    assert "plugin.toml: protocol: 9" in problem.message


def test_secrets_from_a_directory(file: File, tmp_path: Path) -> None:
    """`secrets.directory`, which may itself hold a reference; its changes are changes of the configuration."""
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "store-name").write_text("from-file\n")
    loaded = file.load(
        f"secrets: {{directory: '{tmp_path}/${{NONE:-mounted}}'}}\n"
        "namespaces: [{name: a, backend: toy, config: {store: '{{ secret:store-name }}'}}]"
    )
    assert loaded.namespaces["a"].backends[0].instance.config.model_dump()["store"] == "from-file"
    assert loaded.watched == {tmp_path, tmp_path / "mounted"}
    assert file.problems(NAMESPACE + "secrets: {directory: /no/such}")["secrets.directory"].line == 2


def test_equal_options_are_one_instance_however_they_are_spelt(file: File) -> None:
    """A default written out, a number in quotes, another order of keys."""
    loaded = file.load(
        """
namespaces:
  - {name: a, backend: toy, config: {store: s, pool: {size: 9}}}
  - {name: b, backend: toy, config: {pool: {size: "${SIZE}", mode: lazy}, store: s}, credentials: {}}
  - {name: c, backend: toy, config: {store: s, pool: {size: 9}}, credentials: {password: x}}
  - {name: d, backend: toy2, config: {store: s, pool: {size: 9}}}
"""
    )
    keys = [each.backends[0].instance.key for each in loaded.namespaces.values()]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3


def test_the_data_port_may_have_several_addresses(file: File) -> None:
    """A list, or one that stands for itself; an address that is none, or is there twice, is a mistake."""
    assert file.load("namespaces: []\ngateway: {listen: 'unix:/a'}").config.gateway.listen == ("unix:/a",)
    several = ("127.0.0.1:8980", "[::1]:8980", "unix:/run/prism.sock")
    assert file.load(f"namespaces: []\ngateway: {{listen: {list(several)}}}").config.gateway.listen == several
    wrong = file.problems("namespaces: []\ngateway: {listen: ['127.0.0.1:1', 'nowhere']}")
    assert list(wrong) == ["gateway.listen[1]"]
    assert list(file.problems("namespaces: []\ngateway: {listen: []}")) == ["gateway.listen"]
    assert (
        "twice" in file.problems("namespaces: []\ngateway: {listen: ['unix:/a', 'unix:/a']}")["gateway.listen"].message
    )
    text = "namespaces: []\ngateway: {listen: ['127.0.0.1:1', '127.0.0.1:9090']}"
    assert "gateway.listen" in file.problems(text)["telemetry.listen"].message


def test_each_port_needs_an_address_of_its_own(file: File) -> None:
    """Else the gateway would start its stores and then fail."""
    text = "namespaces: []\ngateway: {listen: '127.0.0.1:9090'}"
    assert "gateway.listen" in file.problems(text)["telemetry.listen"].message
    text = "namespaces: []\nadmin: {listen: '127.0.0.1:9090'}"
    assert "admin.listen" in file.problems(text)["telemetry.listen"].message
    assert not file.load(f"{text.removesuffix('}')}, enabled: no}}").config.admin.enabled
    assert file.load("namespaces: []\ngateway: {listen: '127.1:0'}\ntelemetry: {listen: '127.1:0'}").namespaces == {}


@pytest.mark.parametrize("address", ["0.0.0.0:8981", "[::]:8981", "10.0.0.1:8981", "gateway.example.com:8981"])
def test_the_admin_port_is_refused_off_loopback(file: File, address: str) -> None:
    """The refusal says how to reach it from another machine."""
    problem = file.problems(f"namespaces: []\nadmin: {{listen: '{address}'}}")["admin.listen"]
    assert "every caller could stop every namespace" in problem.message
    assert "ssh -L" in problem.allowed


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:8981", "localhost:8981", "unix:/run/prism/admin.sock"])
def test_the_admin_port_listens_on_this_machine(file: File, address: str) -> None:
    """On any address that only this machine reaches."""
    assert file.load(f"namespaces: []\nadmin: {{listen: '{address}'}}").config.admin.listen == address


def test_a_secret_s_file_is_named_only_where_it_could_be(file: File) -> None:
    """None outside the directory of secrets."""
    message = file.problems("namespaces: [{name: '{{ secret:../x }}', backend: memory}]")["namespaces[0].name"].message
    assert message == "secret '../x' is not found; put it into the environment variable PRISM_SECRET____X"


def test_a_configuration_made_by_hand() -> None:
    """What `prism serve` without a file uses goes the same way, without places."""
    entry: dict[str, Any] = {"name": "default", "backend": "memory", "config": {"store": "x"}}
    config = Config(namespaces=(NamespaceEntry.model_validate(entry),))
    loaded = load(config, toy_plugins(), {})
    assert loaded.namespaces["default"].line == 0
    wrong = Config(namespaces=(NamespaceEntry.model_validate(entry | {"backend": "memry"}),))
    with pytest.raises(ConfigInvalid, match="did you mean 'memory'"):
        load(wrong, toy_plugins(), {})


def test_no_namespaces_is_a_choice(file: File) -> None:
    """An empty list says so; a missing one does not."""
    assert file.load("namespaces: []").namespaces == {}
