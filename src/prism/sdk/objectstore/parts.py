"""Parts of an upload: how large, how many, and which of them an object is made of."""

from collections.abc import Mapping, Sequence

from prism.errors import InvalidArgument, UploadNotFound, Violation
from prism.interfaces.objectstore import Part, PartName

MAX_PARTS = 10_000


def chosen(names: Sequence[PartName], parts: Mapping[int, Part], *, min_part_size: int, max_size: int) -> list[Part]:
    """The parts that a CompleteUpload names, in their order.

    Raises:
        InvalidArgument: they are out of order, one was not sent or is another one than is meant, one but the last is
            too small, or the whole is too large.
    """
    found: list[Part] = []
    for index, name in enumerate(names):
        where = f"parts[{index}]"
        part = parts.get(name.number)
        if found and name.number <= found[-1].number:
            raise _refused(f"{where}.number", str(name.number), "they are in the order of their numbers, each once")
        if part is None:
            raise _refused(where, f"part {name.number}", "it was not sent; `ListParts` says which were")
        if part.etag != name.etag:
            raise _refused(f"{where}.etag", name.etag, f"part {name.number} has the etag {part.etag}")
        if part.size < min_part_size and index < len(names) - 1:
            raise _refused(where, f"{part.size} bytes", f"every part but the last has at least {min_part_size}")
        found.append(part)
    total = sum(part.size for part in found)
    if total > max_size:
        raise _refused("parts", f"{total} bytes", f"an object has at most {max_size}")
    return found


def no_upload(upload: str) -> UploadNotFound:
    """The error about an upload that is not there, or not any more."""
    return UploadNotFound(f"there is no upload {upload[:80]!r} of this key; it is over or has expired: start a new one")


def _refused(field: str, found: str, limit: str) -> InvalidArgument:
    violation = Violation(field, found, limit)
    return InvalidArgument(str(violation), violations=[violation])
