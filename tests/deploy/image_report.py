"""What tests have seen of images; `python -m deploy.image_report` makes a table of it."""

import json
from dataclasses import asdict, dataclass
from typing import Final

from deploy.built import ROOT, catalogue

ROWS: Final = ROOT / ".cache" / "images" / "report.json"
PAGE: Final = ROOT / "docs" / "reports" / "images.md"
_ABOVE: Final = """# Images, as they were tested

Written by `make acceptance` (`tests/e2e/test_images.py`). Each image was built without an engine on a root of
Debian 12 with its own Python 3.11, and run as process 1 of user 65532, without capabilities, on a root that is
read-only, with its real broker where it has one. Sizes are those of the files. The times from start to ready and
from SIGTERM to the end were taken on two processors that others used too: they are upper bounds. Memory is what is
resident after the calls.

In each image every file is root's, none is setuid or setgid, and none can be written. What can be are four
folders, which are empty: `/tmp` (1777), and `/run/prism`, `/var/lib/prism`, `/home/nonroot` (755, of user 65532).

An image without a row has not been run whole yet.

| image | size, MB | files | start to ready, s | memory, MiB | SIGTERM to end, s |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """Of one image: bytes, files, seconds to ready, bytes resident, seconds to end."""

    size: int
    files: int
    started: float
    memory: int
    ended: float


def note(image: str, row: Row) -> None:
    """Keeps a row; a later one takes its place, but for times that were shorter."""
    rows = json.loads(ROWS.read_text()) if ROWS.exists() else {}
    before = rows.get(image, asdict(row))
    rows[image] = asdict(row) | {each: min(getattr(row, each), before[each]) for each in ("started", "ended")}
    ROWS.parent.mkdir(parents=True, exist_ok=True)
    ROWS.write_text(json.dumps(rows, indent=1))


def main() -> None:
    """Writes the page."""
    rows = {name: Row(**row) for name, row in json.loads(ROWS.read_text()).items()}
    lines = [
        f"| `prism/{image.name}` | {row.size / 1e6:.0f} | {row.files:,} | {row.started:.2f} "
        f"| {row.memory / 2**20:.0f} | {row.ended:.2f} |\n"
        for image in catalogue().images()
        if (row := rows.get(image.name))
    ]
    PAGE.write_text(_ABOVE + "".join(lines))


if __name__ == "__main__":
    main()
