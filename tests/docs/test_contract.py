"""docs/contract.md and docs/http-json.md speak of every error that a caller may get."""

from collections.abc import Iterator
from pathlib import Path

from prism.errors import FailedPrecondition, PrismError
from prism.gateway.connect.errors import HTTP_STATUS, code_name

DOCS = Path(__file__).parent.parent.parent / "docs"
NOT_RAISED_TO_CALLERS = {FailedPrecondition}
"""A failed precondition of a backend is the operator's to hear of."""


def test_every_error_is_in_the_contract() -> None:
    """The table has a line for each class of the tree, with its status and reason."""
    page = (DOCS / "contract.md").read_text()
    kinds = {*leaves(PrismError)} - NOT_RAISED_TO_CALLERS
    assert [kind for kind in kinds if f"| `{kind.code.name}` | `{kind.default_reason}` |" not in page] == []


def leaves(kind: type[PrismError]) -> Iterator[type[PrismError]]:
    """The classes without subclasses; control's own errors, which are an operator's to see, are no part of the tree."""
    below = [each for each in kind.__subclasses__() if each.__module__ == kind.__module__]
    if not below:
        yield kind
    for each in below:
        yield from leaves(each)


def test_every_http_status_is_listed() -> None:
    """The table of docs/http-json.md has each status with its codes."""
    lines = (DOCS / "http-json.md").read_text().splitlines()
    missing = [
        code.name
        for code, status in HTTP_STATUS.items()
        if not any(
            str(status) in line.split("|")[1] and f"`{code_name(code)}`" in line for line in lines if "|" in line
        )
    ]
    assert missing == []
