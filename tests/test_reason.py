"""The reasons of errors: one enum that all of the code uses."""

import ast
from collections.abc import Iterator
from pathlib import Path

from prism.errors import PrismError
from prism.reason import Reason
from prism.rpc_status import from_status, to_status
from prism.wire.grpc.status import LocalReply

SOURCE = Path(__file__).parent.parent / "src" / "prism"


def test_a_reason_is_its_name() -> None:
    """On the wire a reason is the name of its member."""
    assert [each for each in Reason if each.value != each.name] == []


def test_the_transports_reasons_are_reasons() -> None:
    """What the transport refuses a call for has a member of that name."""
    assert {each.name for each in LocalReply} - set(Reason.__members__) == set()


def test_every_error_has_a_status_of_its_reason() -> None:
    """The status of each class of error is one that its reason comes with."""
    assert [kind for kind in kinds(PrismError) if kind.code not in Reason(kind.default_reason).codes] == []


def test_no_reason_is_written_as_text() -> None:
    """An error made with a reason names a member: the tables of docs/contract.md are complete."""
    found = [f"{path}: {text}" for path in SOURCE.rglob("*.py") for text in literal_reasons(path)]
    assert found == []


def test_a_reason_travels() -> None:
    """A reason arrives as it was sent, one that is not known here too."""
    for reason in (Reason.BREAKER_OPEN, "A_PLUGINS_OWN"):
        assert from_status(to_status(PrismError("", reason=reason))).reason == reason


def kinds(base: type[PrismError]) -> Iterator[type[PrismError]]:
    """A class of errors and all below it."""
    yield base
    for each in base.__subclasses__():
        yield from kinds(each)


def literal_reasons(path: Path) -> Iterator[str]:
    """Reasons that a module gives as text to an error, by `reason=` or as a class's default."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            named = [each.value for each in node.keywords if each.arg == "reason"]
        elif isinstance(node, ast.Assign):
            named = [node.value for each in node.targets if isinstance(each, ast.Name) and each.id == "default_reason"]
        else:
            continue
        yield from (
            each.value
            for each in named
            if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.isupper()
        )
