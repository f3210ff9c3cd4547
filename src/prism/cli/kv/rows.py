"""Items as rows of the output."""

import base64
from typing import TYPE_CHECKING, Any

from prism.cli.octets import to_cell, to_json
from prism.cli.output import timestamp

if TYPE_CHECKING:
    from prism.client import Item

COLUMNS = ("key", "value", "version", "expires_at", "metadata")


def item_row(item: "Item", output: str, *, keys_only: bool = False) -> dict[str, Any]:
    """An item as `--output` shows it."""
    shown = to_cell if output == "table" else to_json
    row: dict[str, Any] = {"key": shown(item.key)}
    if not keys_only:
        row |= {"value": shown(item.value), "metadata": dict(item.metadata)}
    return row | {
        "version": version_text(item.version),
        "expires_at": timestamp(item.expires_at) if item.expires_at else None,
    }


def version_text(version: bytes) -> str:
    """A version, as `--expect-version` takes it."""
    return base64.urlsafe_b64encode(version).rstrip(b"=").decode()
