"""Logs: a JSON object a line for machines, readable lines on a terminal; context travels as `extra` fields.

    log.info("backend started", extra={"backend": "postgres", "namespace": "profiles"})

Whatever is logged, these never reach the output: the value of a field whose name speaks of a secret, the user
information of a URL, `password=...` and bearer tokens in texts, and bytes that could end a line or steer a terminal.
"""

import datetime
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, TextIO

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]

HIDDEN = "***"

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_SECRET = re.compile(
    r"password|passwd|secret|token|credential|authorization|cookie|api_?key|private_?key|dsn", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"(://)[^/\s]+(?=@)|\b((?:password|passwd|secret|token)=)\S+|\b(bearer )\S+", re.IGNORECASE)
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROL_BUT_LINES: Final = {code: text for code, text in _CONTROL.items() if code not in (0x09, 0x0A)}
_COLOURS: Final = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


def configure(level: Level = "info", form: Format = "auto", stream: TextIO | None = None) -> None:
    """Sends every logger's records to `stream`, replacing what was configured before.

    Args:
        level: the least severe that is kept.
        form: `auto` is text on a terminal, else JSON.
        stream: where to; standard error by default.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    handler = logging.StreamHandler(stream)
    as_text = form == "text" or (form == "auto" and terminal)
    handler.setFormatter(TextFormatter(colour=terminal) if as_text else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # It logs each change near the configuration file; a log file kept there would feed on itself.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, the extra fields, and the traceback as `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        for name, value in _extra(record):
            line.setdefault(name, value)
        if record.exc_info:
            line["error"] = _clean(self.formatException(record.exc_info))
        return json.dumps(line, default=lambda value: _clean(str(value)))


class TextFormatter(logging.Formatter):
    """A record as a line to be read: time of day, level, message, the extra fields.

    Args:
        colour: colour the level by ANSI codes.
    """

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower():7}"
        if self._colour:
            level = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        parts = [
            f"{_time(record).astimezone():%H:%M:%S.%f}"[:-3],
            level,
            _clean(record.getMessage()).translate(_CONTROL),
        ]
        parts += [f"{name}={_word(value)}" for name, value in _extra(record)]
        line = " ".join(parts)
        if record.exc_info:
            line += "\n" + _clean(self.formatException(record.exc_info)).translate(_CONTROL_BUT_LINES)
        return line


def _extra(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    for name, value in vars(record).items():
        if name not in _BUILT_IN:
            yield name, _visible(name, value)


def _visible(name: str, value: Any) -> Any:
    """The value as it may be shown."""
    if _SECRET.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _visible(str(key), member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_visible("", member) for member in value]
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    return _SECRET_TEXT.sub(lambda found: next(filter(None, found.groups())) + HIDDEN, text)


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    plain = text.translate(_CONTROL)
    return json.dumps(plain, ensure_ascii=False) if " " in plain or not plain else plain


def _time(record: logging.LogRecord) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(record.created, datetime.UTC)
