"""Logs: a JSON object a line for machines, readable lines on a terminal; context travels as `extra` fields.

    log.info("backend started", extra={"backend": "postgres", "namespace": "profiles"})

A line that is written while a call is carried out says which: its namespace and the id of its trace.

Whatever is logged, these never reach the output: the secrets of the configuration, the value of a field whose name
speaks of a secret, the user information of a URL, `password=...` and bearer tokens in texts, and bytes that could end a
line or steer a terminal.
"""

import datetime
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TextIO

from prism.telemetry.current import CURRENT
from prism.telemetry.log_stream import LogStream

Format = Literal["auto", "json", "text"]
Scrub = Callable[[str], str]
Level = Literal["debug", "info", "warning", "error"]

HIDDEN = "***"

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_SECRET = re.compile(
    r"password|passwd|secret|token|credential|authorization|cookie|api_?key|private_?key|dsn", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"(://)[^/\s]+(?=@)|\b((?:password|passwd|secret|token)=)\S+|\b(bearer )(?!tokens?[,.;:)]*(?:\s|$))\S+",
    re.IGNORECASE,
)
"""What may be secret by its look. "a bearer token" in a sentence is none."""
_CONTROL: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROL_BUT_LINES: Final = {code: text for code, text in _CONTROL.items() if code not in (0x09, 0x0A)}
_COLOURS: Final = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


def configure(
    level: Level = "info",
    form: Format = "auto",
    stream: TextIO | LogStream | None = None,
    *,
    namespaces: Mapping[str, Level] = MappingProxyType({}),
    scrub: Scrub = str,
) -> None:
    """Sends every logger's records to `stream`, replacing what was configured before.

    Args:
        level: the least severe that is kept.
        form: `auto` is text on a terminal, else JSON.
        stream: where to; standard error by default.
        namespaces: another least severe for records about some namespaces.
        scrub: takes known secrets out of text.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    handler: logging.Handler = logging.StreamHandler(stream)
    as_text = form == "text" or (form == "auto" and terminal)
    handler.setFormatter(TextFormatter(colour=terminal, scrub=scrub) if as_text else JsonFormatter(scrub=scrub))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    levels = {name: logging.getLevelNamesMapping()[each.upper()] for name, each in namespaces.items()}
    own = logging.getLevelNamesMapping()[level.upper()]
    if levels:
        handler.addFilter(_NamespaceLevels(own, levels))
    root.setLevel(min((own, *levels.values())))
    # It logs each change near the configuration file; a log file kept there would feed on itself.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class _NamespaceLevels:
    """Keeps a record by the level of its namespace: that of its call, or one that it names itself."""

    def __init__(self, level: int, namespaces: Mapping[str, int]) -> None:
        self._level = level
        self._namespaces = namespaces

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is kept."""
        current = CURRENT.get()
        name = getattr(record, "namespace", "" if current is None else current.namespace)
        return record.levelno >= self._namespaces.get(name, self._level)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, the extra fields, and the traceback as `error`."""

    def __init__(self, *, scrub: Scrub = str) -> None:
        super().__init__()
        self._clean = _cleaning(scrub)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        for name, value in _extra(record, self._clean):
            line.setdefault(name, value)
        if record.exc_info:
            line["error"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(line, default=lambda value: self._clean(str(value)))


class TextFormatter(logging.Formatter):
    """A record as a line to be read: time of day, level, message, the extra fields.

    Args:
        colour: colour the level by ANSI codes.
        scrub: takes known secrets out of text.
    """

    def __init__(self, *, colour: bool = False, scrub: Scrub = str) -> None:
        super().__init__()
        self._colour = colour
        self._clean = _cleaning(scrub)

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower():7}"
        if self._colour:
            level = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        parts = [
            f"{_time(record).astimezone():%H:%M:%S.%f}"[:-3],
            level,
            self._clean(record.getMessage()).translate(_CONTROL),
        ]
        parts += [f"{name}={_word(value)}" for name, value in _extra(record, self._clean)]
        line = " ".join(parts)
        if record.exc_info:
            line += "\n" + self._clean(self.formatException(record.exc_info)).translate(_CONTROL_BUT_LINES)
        return line


def _extra(record: logging.LogRecord, clean: Scrub) -> Iterator[tuple[str, Any]]:
    for name, value in vars(record).items():
        if name not in _BUILT_IN:
            yield name, _visible(name, value, clean)
    if (current := CURRENT.get()) is not None:
        if not hasattr(record, "namespace"):
            yield "namespace", clean(current.namespace[:63])
        if trace_id := current.trace_id:
            yield "trace_id", trace_id


def _visible(name: str, value: Any, clean: Scrub) -> Any:
    """The value as it may be shown."""
    if _SECRET.search(name):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(key): _visible(str(key), member, clean) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_visible("", member, clean) for member in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean(str(value))


def _cleaning(scrub: Scrub) -> Scrub:
    return lambda text: _SECRET_TEXT.sub(lambda found: next(filter(None, found.groups())) + HIDDEN, scrub(text))


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    plain = text.translate(_CONTROL)
    return json.dumps(plain, ensure_ascii=False) if " " in plain or not plain else plain


def _time(record: logging.LogRecord) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(record.created, datetime.UTC)
