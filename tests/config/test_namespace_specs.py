"""A namespace with a backend per abstraction: what is read of it, and what is refused, with the place."""

import pytest

from config.file import File
from prism.config.embedded import embedded_default
from prism.config.loading import load
from prism.config.sections.root import BackendEntry, Config, NamespaceEntry
from prism.interfaces.catalogue import interfaces
from prism.plugins.discovery import discover


def test_each_abstraction_has_its_own_instance(file: File) -> None:
    """In the order of the file; two with equal options are one instance, as two namespaces would be."""
    loaded = file.load("""
namespaces:
  - name: shop
    backends:
      keyvalue: {backend: sqlite, config: {path: a.db}}
      pubsub: {backend: memory}
      cache: {backend: sqlite, config: {path: a.db}}
  - {name: other, backend: memory, abstraction: pubsub}
""")
    shop, other = loaded.namespaces.values()
    assert [(each.abstractions, each.instance.plugin.name) for each in shop.backends] == [
        (("keyvalue", "cache"), "sqlite"),
        (("pubsub",), "memory"),
    ]
    assert shop.abstractions == ("keyvalue", "cache", "pubsub")
    assert shop.backends[0].services == {"prism.data.v1.KeyValue", "prism.data.v1.Cache"}
    assert shop.backends[1].instance is other.backends[0].instance


def test_both_forms_may_say_the_same(file: File) -> None:
    """A change from one to the other changes nothing."""
    abstractions = discover().found["sqlite"].manifest.interfaces
    each = "".join(f"      {name}: {{backend: sqlite, config: {{path: a.db}}}}\n" for name in abstractions)
    loaded = file.load(f"""
namespaces:
  - {{name: a, backend: sqlite, config: {{path: a.db}}}}
  - name: b
    backends:
{each}""")
    assert loaded.namespaces["a"].equals(loaded.namespaces["b"])


def test_mistakes_are_named_at_their_places(file: File) -> None:
    """Unknown abstractions, abstractions that the backend lacks, options of a wrong one, both forms, neither."""
    problems = file.problems("""
namespaces:
  - name: a
    backends:
      keyvalu: {backend: sqlite}
      cache: {backend: sqlite, config: {pth: x}}
  - name: b
    backends:
      cache: {backend: nats}
      keyvalue: {backend: mem}
  - name: c
    backend: memory
    config: {}
    backends: {keyvalue: {backend: memory}}
  - {name: d}
  - {name: e, backends: {}}
  - {name: f, backends: {cache: {backend: memory, plugin: {socket: /x}}}}
  - {name: g, backends: {cache: {config: {}}}}
""")
    assert {path: (each.line, each.nearest) for path, each in problems.items()} == {
        "namespaces[0].backends.keyvalu": (5, "keyvalue"),
        "namespaces[0].backends.cache.config.pth": (6, "path"),
        "namespaces[1].backends.cache.backend": (9, ""),
        "namespaces[1].backends.keyvalue.backend": (10, "memory"),
        "namespaces[2].backend": (12, ""),
        "namespaces[2].config": (13, ""),
        "namespaces[3].backend": (15, ""),
        "namespaces[4].backends": (16, ""),
        "namespaces[5].backends.cache.plugin.socket": (17, ""),
        "namespaces[6].backends.cache.backend": (18, ""),
    }
    lacks = problems["namespaces[1].backends.cache.backend"]
    assert lacks.message == "backend 'nats' does not serve cache; memory and postgres and redis and sqlite can"
    assert "no 'config' of its own" in problems["namespaces[2].config"].message
    assert "'backends'" in problems["namespaces[3].backend"].allowed


def test_an_abstraction_is_named_once(file: File) -> None:
    """YAML's duplicate keys are a mistake everywhere."""
    problems = file.problems("""
namespaces:
  - name: a
    backends:
      cache: {backend: memory}
      cache: {backend: sqlite}
""")
    (problem,) = problems.values()
    assert problem.line == 6


def test_secrets_of_each_backend_are_hidden(file: File) -> None:
    """As those of a namespace's one backend are."""
    loaded = file.load("""
namespaces:
  - name: a
    backends:
      keyvalue: {backend: toy, config: {store: s}, credentials: {username: u, password: "{{ secret:PW }}"}}
""")
    assert "hunter2" not in repr(loaded) + str(loaded.config.model_dump()) + loaded.config.model_dump_json()
    assert loaded.redactor.scrub("hunter2") == "***"


def test_a_configuration_made_by_hand() -> None:
    """Its options survive, though no dump shows them."""
    entry = NamespaceEntry(name="a", backends={"cache": BackendEntry(backend="memory", config={"store": "mine"})})
    loaded = load(Config(namespaces=(entry,)), discover())
    assert loaded.namespaces["a"].backends[0].instance.config.model_dump()["store"] == "mine"


def test_the_embedded_default() -> None:
    """One namespace on a SQLite file and a folder; every abstraction is served out of the box."""
    (spec,) = load(embedded_default(), discover()).namespaces.values()
    assert (spec.name, {each.instance.plugin.name for each in spec.backends}) == ("default", {"files", "sqlite"})
    assert set(spec.abstractions) == set(interfaces())


@pytest.mark.parametrize("form", ["backend: memory", "backends: {keyvalue: {backend: memory}}"])
def test_a_policy_is_the_namespace_s(file: File, form: str) -> None:
    """Whatever its backends."""
    loaded = file.load(f"""
policies: {{slow: {{timeouts: {{longest: 9}}}}}}
namespaces:
  - {{name: a, policy: slow, {form}}}
""")
    (entry,) = loaded.config.namespaces
    policy = loaded.config.policy_of(entry)
    assert policy is not None
    assert policy.timeouts is not None
    assert policy.timeouts.longest == 9
