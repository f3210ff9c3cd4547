"""`GET /proto.zip`: the contract as .proto files, with all that they import but what every compiler brings along."""

import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path

from prism.gateway.connect.errors import HttpRefusal
from prism.wire import Code, HttpResponse

PATH = "/proto.zip"
_PACKAGE = Path(__file__).parents[2]
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def proto_zip() -> HttpResponse:
    """The answer; reads the files the first time.

    Raises:
        HttpRefusal: this installation has none.
    """
    archive = _archive(_folder())
    if not archive:
        raise HttpRefusal(404, Code.NOT_FOUND, "this installation has no .proto files; use those of the project")
    headers = [
        ("content-type", "application/zip"),
        ("content-disposition", 'attachment; filename="proto.zip"'),
    ]
    return HttpResponse(200, headers, archive)


def _folder() -> Path:
    """Where the files are: in the installed package, or beside the sources."""
    installed = _PACKAGE / "proto"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "proto"


@cache
def _archive(folder: Path) -> bytes:
    """The same files make the same bytes."""
    files = sorted(folder.rglob("*.proto"))
    if not files:
        return b""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file in files:
            out.writestr(zipfile.ZipInfo(file.relative_to(folder).as_posix(), _LONG_AGO), file.read_bytes())
    return archive.getvalue()
