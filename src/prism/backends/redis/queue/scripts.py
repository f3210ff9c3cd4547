"""The scripts of Queue, put together from the pieces in `lua/`: each is one step, whole or not at all."""

from pathlib import Path
from typing import Final

from prism.backends.redis.data.scripts import Script, known

_FOLDER: Final = Path(__file__).with_name("lua")
_ALLOW_OOM: Final = "#!lua flags=allow-oom\n"
"""What takes messages out is not refused where memory is full."""


def _piece(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")


_SUBMIT: Final = _piece("submit")
_STEPS: Final = _piece("rows") + _piece("publish") + _piece("deliver")
_MOVES: Final = _STEPS + _piece("positions")


def _script(before: str, name: str, *, allow_oom: bool = False) -> Script:
    text = before + _piece(f"script_{name}").replace("--SUBMIT", _SUBMIT)
    return known(Script(((_ALLOW_OOM if allow_oom else "") + text).encode()))


PUBLISH: Final = _script(_piece("rows") + _piece("publish"), "publish")
COMMIT: Final = _script(_STEPS, "commit")
CLAIM: Final = _script(_STEPS, "claim", allow_oom=True)
SETTLE: Final = _script(_STEPS, "settle", allow_oom=True)
SESSION: Final = _script(_STEPS, "session", allow_oom=True)
MAKE_TOPIC: Final = _script(_MOVES, "topic")
TOPIC: Final = _script(_MOVES, "topic", allow_oom=True)
MAKE_GROUP: Final = _script(_MOVES, "group")
GROUP: Final = _script(_MOVES, "group", allow_oom=True)
MESSAGES: Final = _script(_STEPS, "messages", allow_oom=True)
SWEEP: Final = _script(_MOVES, "sweep", allow_oom=True)
