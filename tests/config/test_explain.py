"""What a model refuses, in the words of the file: its place, what is allowed, the nearest spelling; never a secret."""

import pytest

from config.file import File
from control.world import toy_plugins
from prism.config.loading import load
from prism.config.yaml.problem import ConfigInvalid


@pytest.mark.parametrize(
    "namespace",
    [
        "{name: a, backend: toy, config: {store: s}, credentials: {pasword: SECRETVALUE}}",
        "{name: a, backend: toy, config: {store: s}, credentials: SECRETVALUE}",
        "{name: a, backend: toy, config: {store: s}, credentials: {password: [SECRETVALUE]}}",
        "{name: a, backend: toy, config: {store: s, pin: [SECRETVALUE]}}",
        "{name: a, backend: toy, config: {store: s, pool: 'toy://u:SECRETVALUE@h/'}}",
        "{name: a, backend: toy, config: {store: s, pool: {size: '{{ secret:LONG }}'}}}",
        "{name: a, backend: toy, config: {store: s, pool: {size: 'x{{ secret:LONG }}y'}}}",
        "{name: a, backend: '{{ secret:LONG }}', config: {store: s}}",
        "{name: a, abstraction: '{{ secret:LONG }}', backend: toy, config: {store: s}}",
        "{name: '{{ secret:LONG }}', backend: toy, config: {store: s}}",
        "{name: a, backend: toy, config: {store: s}, plugin: {type: '{{ secret:LONG }}'}}",
        "{name: a, backend: toy, password: SECRETVALUE}",
    ],
)
def test_no_error_repeats_a_secret(file: File, namespace: str) -> None:
    """Whether declared, typed as secret, misplaced, misspelt or part of a URL."""
    file.path.write_text(f"namespaces: [{namespace}]")
    with pytest.raises(ConfigInvalid) as caught:
        load(file.path, toy_plugins(), {"PRISM_SECRET_LONG": "SECRETVALUE"})
    everything = f"{caught.value}{caught.value.problems}{caught.value!r}"
    assert "SECRETVALUE" not in everything
    assert "secretvalue" not in everything


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("gateway: {}", "namespaces", "missing"),
        ("namespaces: {a: b}", "namespaces", "missing"),
        ("namespaces:", "namespaces", "missing"),
        ("namespaces: []\ngateway: 5", "gateway", "not allowed"),
        ("namespaces: []\ngateway: {max_message_size: 5GiB}", "gateway.max_message_size", ""),
        ("namespaces: []\ngateway: {listen: 'h:70000'}", "gateway.listen", "address"),
        ("namespaces: []\ntelemetry: {log: {level: loud}}", "telemetry.log.level", "not one of"),
        ("namespaces: [{name: a, backend: toy, config: 5}]", "namespaces[0].config", ""),
        ("namespaces: [{name: a, backend: toy, plugin: sidecar}]", "namespaces[0].plugin", ""),
        ("namespaces: [{name: a, backend: toy, plugin: {type: remote}}]", "namespaces[0].plugin", "either 'endpoint'"),
        (f"namespaces: [{{name: {'x' * 64}, backend: toy}}]", "namespaces[0].name", "not a name"),
        ("namespaces: [{name: '', backend: toy}]", "namespaces[0].name", "not a name"),
    ],
)
def test_each_wrong_value_has_its_path(file: File, text: str, path: str, message: str) -> None:
    """The first thing to look for is where."""
    assert message in file.problems(text)[path].message


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("gateway: {max_message_size: 5 bananas}", "gateway.max_message_size", "a number of bytes, such as"),
        ("gateway: {drain_timeout: soon}", "gateway.drain_timeout", "a number"),
        ("gateway: {drain_timeout: .nan}", "gateway.drain_timeout", "a finite number"),
        ("telemetry: {log: {access: maybe}}", "telemetry.log.access", "true or false"),
        ("authentication: yes", "authentication", "a mapping with methods; none"),
        ("secrets: {directory: 5}", "secrets.directory", "the path of a file or folder, as text"),
        ("namespaces: [{name: a, abstractions: [], backend: memory}]", "namespaces[0].abstractions",
         "a list of 1 at least"),
        ("namespaces: [{name: a, backend: sqlite, config: {sweep_interval: .inf}}]",
         "namespaces[0].config.sweep_interval", "a finite number"),
        ("namespaces: [{name: a, backend: sqlite, credentials: {user: a}}]", "namespaces[0].credentials.user", "none"),
    ],
)  # fmt: skip
def test_what_is_allowed_is_said_in_the_terms_of_the_file(file: File, text: str, path: str, allowed: str) -> None:
    """Not in Python's, nor in pydantic's."""
    problem = file.problems(text)[path]
    assert problem.allowed.startswith(allowed)
    assert problem.message in {"this value is not allowed", "there is no such key here"}


def test_a_web_origin_s_nearest_spelling_is_one(file: File) -> None:
    """Or there is none."""
    problems = file.problems("gateway: {cors: {origins: [app.example.com, 'https://a.b/', 'null']}}")
    nearest = [problems[f"gateway.cors.origins[{index}]"].nearest for index in range(3)]
    assert nearest == ["https://app.example.com", "https://a.b", ""]


def test_a_list_whose_only_element_is_wrong_is_not_too_short_besides(file: File) -> None:
    """What is wrong is told once, at the element."""
    found = file.problems("namespaces: [{name: a, abstractions: [ledger], backend: memory}]")
    assert list(found) == ["namespaces[0].abstractions[0]"]
