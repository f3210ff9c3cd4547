"""What logs look like, and what they never hold."""

import contextvars
import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from prism.telemetry.current import CURRENT
from prism.telemetry.logs import configure

log = logging.getLogger("prism.somewhere")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_lines() -> None:
    """Off a terminal every record is one JSON object, with its context."""
    stream = io.StringIO()
    configure(stream=stream)
    log.info("backend %s started", "sqlite", extra={"namespace": "profiles", "attempt": 2, "pool": {"idle": 1}})
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "info",
        "logger": "prism.somewhere",
        "message": "backend sqlite started",
        "namespace": "profiles",
        "attempt": 2,
        "pool": {"idle": 1},
    }


def test_context_cannot_replace_what_a_record_is() -> None:
    """An extra field named like one of the record's own leaves that as it is."""
    stream = io.StringIO()
    configure(stream=stream)
    log.warning("one", extra={"level": "info", "time": "never"})
    record = json.loads(stream.getvalue())
    assert record["level"] == "warning"
    assert record["time"] != "never"


def test_lines_for_a_terminal() -> None:
    """On a terminal a record is a line to be read, its level in colour."""
    stream = Terminal()
    configure(stream=stream)
    log.error("no answer", extra={"backend": "postgres", "reason": "connection refused"})
    time_of_day, level, rest = stream.getvalue().split(" ", 2)
    assert len(time_of_day) == len("12:00:00.000")
    assert level == "\x1b[31merror"
    assert rest == ' \x1b[0m no answer backend=postgres reason="connection refused"\n'


def test_no_colour_where_there_is_no_terminal() -> None:
    """Text written to a file holds no colour codes."""
    stream = io.StringIO()
    configure(form="text", stream=stream)
    log.info("plain")
    assert "\x1b" not in stream.getvalue()


def test_levels() -> None:
    """What is less severe than the level is dropped."""
    stream = io.StringIO()
    configure("warning", stream=stream)
    log.info("dropped")
    log.warning("kept")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["kept"]


def test_the_file_watcher_is_quiet() -> None:
    """A log file beside the watched configuration must not feed on itself, whatever the level."""
    stream = io.StringIO()
    configure("debug", stream=stream)
    logging.getLogger("watchfiles.main").info("1 change detected")
    assert stream.getvalue() == ""


def test_tracebacks() -> None:
    """A logged exception comes with its traceback, still one JSON object a line."""
    stream = io.StringIO()
    configure(stream=stream)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["error"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_not_written(form: str) -> None:
    """Fields named like secrets, users in URLs, password=... and bearer tokens are hidden, in tracebacks too."""
    stream = io.StringIO()
    configure(form=form, stream=stream)  # type: ignore[arg-type]  # parametrised
    fields = {
        "password": "hunter2",
        "config": {"API_KEY": "hunter2", "hosts": ["postgresql://app:hunter2@db/prism"]},
        "url": "redis://:hun@ter2hunter2@cache:6379",
    }
    try:
        raise ValueError("cannot reach postgresql://app:hunter2@db/prism with password=hunter2")
    except ValueError:
        log.exception("sent Authorization: Bearer hunter2 and token=hunter2", extra=fields)
    written = stream.getvalue()
    assert "hunter2" not in written
    assert "postgresql://***@db/prism" in written
    assert "redis://***@cache:6379" in written


@pytest.mark.parametrize("end", [" in authorization", "", ".", ", or a key", ")"])
def test_a_sentence_about_bearer_tokens_is_written(end: str) -> None:
    """The gateway's own words are no token; what only begins like them is."""
    stream = io.StringIO()
    configure(stream=stream)
    log.info("authorization does not carry a bearer token%s", end)
    log.info("Authorization: Bearer token=hunter2 and Bearer tokenhunter2 and bearer token.hunter2")
    sentence, hidden = (json.loads(line)["message"] for line in stream.getvalue().splitlines())
    assert sentence == f"authorization does not carry a bearer token{end}"
    assert hidden == "Authorization: Bearer *** and Bearer *** and bearer ***"


@pytest.mark.parametrize("form", ["json", "text"])
def test_callers_cannot_forge_lines(form: str) -> None:
    """Line ends and terminal codes in what callers send stay inside their line."""
    stream = Terminal()
    configure(form=form, stream=stream)  # type: ignore[arg-type]  # parametrised
    log.info("asked for %s", "a\nforged\x1b[2J", extra={"namespace": "b\nforged\x1b[2J"})
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b[2J" not in stream.getvalue()


def test_values_that_json_does_not_know() -> None:
    """Any object can be a field."""
    stream = io.StringIO()
    configure(stream=stream)
    log.info("listening", extra={"address": io.BytesIO, "codes": {1, 2}, "raw": b"\x00"})
    assert json.loads(stream.getvalue())["codes"] == [1, 2]


@dataclass(frozen=True)
class AtWork:
    """A call that is being carried out."""

    namespace: str
    trace_id: str = "4bf92f3577b34da6a3ce929d0e0e4736"


def within(call: AtWork, work: Callable[[], object]) -> None:
    """Does something while the call is carried out."""
    context = contextvars.copy_context()
    context.run(CURRENT.set, call)
    context.run(work)


@pytest.mark.parametrize("form", ["json", "text"])
def test_lines_of_a_call_say_which(form: str) -> None:
    """Namespace and trace id, whoever writes the line; one that names a namespace itself keeps it."""
    stream = io.StringIO()
    configure(form=form, stream=stream)  # type: ignore[arg-type]  # parametrised
    call = AtWork("profiles")
    within(call, lambda: log.info("within"))
    within(call, lambda: log.info("of another", extra={"namespace": "other"}))
    log.info("outside")
    within_it, another, outside = stream.getvalue().splitlines()
    assert call.trace_id in within_it
    assert "profiles" in within_it
    assert "other" in another
    assert "profiles" not in another
    assert call.trace_id not in outside


def test_levels_of_single_namespaces() -> None:
    """More of one that is looked into, less of one that is noisy, all else by the level of the log."""
    stream = io.StringIO()
    configure("info", stream=stream, namespaces={"watched": "debug", "noisy": "error"})
    for name in ("watched", "noisy", "ordinary"):
        for level in (logging.DEBUG, logging.WARNING, logging.ERROR):
            within(AtWork(name), partial(log.log, level, f"{name} {logging.getLevelName(level)}"))
    log.debug("about watched", extra={"namespace": "watched"})
    log.debug("about nothing")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "watched DEBUG",
        "watched WARNING",
        "watched ERROR",
        "noisy ERROR",
        "ordinary WARNING",
        "ordinary ERROR",
        "about watched",
    ]


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_secrets_of_the_configuration_are_not_written(form: str) -> None:
    """Wherever they stand: in the message, in a field, in an object's text, in a traceback."""
    stream = io.StringIO()
    configure(form=form, stream=stream, scrub=lambda text: text.replace("hunter2", "***"))  # type: ignore[arg-type]
    try:
        raise ValueError("with hunter2")
    except ValueError:
        log.exception(
            "said hunter2", extra={"what": ["hunter2"], "path": Path("/hunter2"), "error": KeyError("hunter2")}
        )
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("***") >= 4
