"""References to secrets and to the environment, in any string."""

from pathlib import Path
from typing import Any

import pytest

from prism.config.references import References
from prism.config.secrets import EnvironmentSecrets, FileSecrets
from prism.config.yaml.document import Document
from prism.redactor import Redactor

ENVIRONMENT = {
    "HOST": "db",
    "EMPTY": "",
    "PRISM_SECRET_PW": "hunter2",
    "PRISM_SECRET_UNSET": "",
    "TRICK": "${HOST} {{ secret:PW }}",
}


def references(directory: Path | None = None) -> References:
    providers = [EnvironmentSecrets(ENVIRONMENT), *([FileSecrets(directory)] if directory else [])]
    return References(Document("", {}), ENVIRONMENT, providers, Redactor())


def resolved(value: Any) -> Any:
    resolver = references()
    answer = resolver.resolve(value)
    assert resolver.problems == []
    return answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}", "db"),
        ("${HOST}:${PORT:-5432}", "db:5432"),
        ("${EMPTY}", ""),
        ("${EMPTY:-full}", "full"),
        ("${NONE:-}", ""),
        ("${NONE:-a b/c:d}", "a b/c:d"),
        ("$${HOST}", "${HOST}"),
        ("{{{{x", "{{x"),
        ("$HOST costs $5 {x}", "$HOST costs $5 {x}"),
        ("{{secret:PW}}", "hunter2"),
        ("postgres://u:{{ secret:pw }}@${HOST}/x", "postgres://u:hunter2@db/x"),
        ("${TRICK}", "${HOST} {{ secret:PW }}"),
    ],
)
def test_a_reference_is_replaced_once(text: str, expected: str) -> None:
    """Defaults, escapes, several in one string; what a value contains is not looked at again."""
    assert resolved(text) == expected


def test_references_are_found_wherever_strings_are() -> None:
    """In lists and mappings, at any depth; other values stay as they are."""
    assert resolved({"a": ["${HOST}", {"b": "${HOST}"}], "c": 5, "d": None, "e": True}) == {
        "a": ["db", {"b": "db"}], "c": 5, "d": None, "e": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${HOTS}", "HOTS is not set"),
        ("${HO ST}", "begins no reference"),
        ("${HOST", "begins no reference"),
        ("${HOST:-${EMPTY}}", "begins no reference"),
        ("{{ secret:nothing }}", "secret 'nothing' is not found"),
        ("{{ secert:PW }}", "begins no reference"),
        ("{{ secret: }}", "begins no reference"),
    ],
)
def test_what_cannot_be_resolved_is_a_problem_at_its_place(text: str, message: str) -> None:
    """The path says where; the sentence says what to do."""
    resolver = references()
    resolver.resolve({"a": [text]})
    assert len(resolver.problems) == 1
    assert message in resolver.problems[0].message
    assert resolver.problems[0].path == "a[0]"


def test_misspelt_names_are_answered_with_the_nearest(tmp_path: Path) -> None:
    """Variables and secrets alike, by name only."""
    (tmp_path / "kafka_password").write_text("x")
    resolver = references(tmp_path)
    resolver.resolve(["${HOSTT}", "{{ secret:kafka_pasword }}"])
    assert [each.nearest for each in resolver.problems] == ["HOST", "kafka_password"]
    assert str(tmp_path / "kafka_pasword") in resolver.problems[1].message
    assert "PRISM_SECRET_KAFKA_PASWORD" in resolver.problems[1].message


def test_the_environment_comes_before_files(tmp_path: Path) -> None:
    """So that one secret can be put in another's place without touching the mount."""
    (tmp_path / "PW").write_text("from file")
    (tmp_path / "other").write_text("o")
    resolver = references(tmp_path)
    assert resolver.resolve("{{ secret:PW }}-{{ secret:other }}") == "hunter2-o"
    assert len(resolver.used) == 2


def test_an_empty_variable_gives_way_to_a_file(tmp_path: Path) -> None:
    """A variable that is set to nothing is as good as none."""
    (tmp_path / "unset").write_text("from file")
    resolver = references(tmp_path)
    assert resolver.resolve("{{ secret:unset }}") == "from file"
    assert resolver.problems == []


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_secret_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    """An empty password would be sent to the store, which refuses it or, worse, takes it."""
    (tmp_path / "pw2").write_bytes(content)
    resolver = references(tmp_path)
    resolver.resolve(["{{ secret:pw2 }}", "{{ secret:unset }}"])
    messages = {each.message for each in resolver.problems}
    assert messages == {
        f"the secret {name!r} is empty; put its value into the environment variable "
        f"PRISM_SECRET_{name.upper()} or the file {tmp_path / name}"
        for name in ("pw2", "unset")
    }


def test_secrets_are_learnt() -> None:
    """Whatever was resolved is hidden from then on."""
    resolver = references()
    resolver.resolve("{{ secret:PW }}")
    assert resolver.redactor.scrub("it is hunter2") == "it is ***"
