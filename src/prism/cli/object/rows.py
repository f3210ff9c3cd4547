"""Objects as rows of the output."""

from typing import TYPE_CHECKING, Any

from prism.cli.output import timestamp

if TYPE_CHECKING:
    from prism.client import ObjectInfo

COLUMNS = ("key", "size", "modified_at", "etag")


def object_row(info: "ObjectInfo", *, whole: bool = False) -> dict[str, Any]:
    """An object as `--output` shows it; a common prefix has nothing but its key."""
    if info.is_prefix:
        return {"key": info.key}
    row = {
        "key": info.key,
        "size": info.size,
        "modified_at": timestamp(info.modified_at) if info.modified_at else None,
        "etag": info.etag,
    }
    if not whole:
        return row
    return row | {
        "version": info.version,
        "content_type": info.content_type,
        "content_encoding": info.content_encoding,
        "content_disposition": info.content_disposition,
        "cache_control": info.cache_control,
        "metadata": dict(info.metadata),
        "sha256": info.sha256.hex(),
        "expires_at": timestamp(info.expires_at) if info.expires_at else None,
    }
