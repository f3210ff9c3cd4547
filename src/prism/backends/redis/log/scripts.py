"""The scripts of the log, each one step."""

from pathlib import Path
from typing import Final

from prism.backends.redis.data.scripts import Script, known

_FOLDER: Final = Path(__file__).parent


def _script(name: str) -> Script:
    """A log has a bound of its own, and so its messages need no more room where memory is full."""
    pieces = [(_FOLDER / f"{each}.lua").read_text(encoding="utf-8") for each in ("log", name)]
    return known(Script(("#!lua flags=allow-oom\n" + "".join(pieces)).encode()))


APPEND: Final = _script("append")
READ: Final = _script("read")
SWEEP: Final = _script("sweep")
