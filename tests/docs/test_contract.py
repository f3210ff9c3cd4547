"""docs/contract.md and docs/http-json.md speak of every error that a caller may get."""

from pathlib import Path

from prism.gateway.connect.errors import HTTP_STATUS, code_name
from prism.reason import Reason

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_every_reason_is_in_the_contract() -> None:
    """The tables have a line for each reason, with every status that it comes with."""
    page = (DOCS / "contract.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("|")]
    missing = [
        reason
        for reason in Reason
        if not any(
            f"| `{reason}` |" in line and all(f"`{code.name}`" in line for code in reason.codes) for line in lines
        )
    ]
    assert missing == []


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
