"""What is wrong with a configuration: every problem at once, each with its place, what was found, what is allowed."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from prism.errors import InvalidArgument
from prism.reason import Reason

Loc = tuple[str | int, ...]
"""The place of a value in a document: the keys and indexes that lead to it."""

PRINTED = 50
"""Problems that the text of a `ConfigInvalid` spells out; its `problems` holds them all."""

_PREFIX = 3
"""Letters that a word must have for a longer one to be taken for it: `certificate` for `cert`."""

_PLAIN_KEY = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: the configuration file as it was named; empty where there is none.
        line: from 1; 0 where the problem has no place in the file.
        column: from 1; 0 where the problem has no place in the file.
        path: the place in the document, such as `namespaces[3].config.pool_size`.
        message: what is wrong and, where it is not plain, what to do.
        found: what was there; never a secret. May be empty.
        allowed: what may be there. May be empty.
        nearest: the nearest valid spelling; empty where nothing is near.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    found: str = ""
    allowed: str = ""
    nearest: str = ""

    @property
    def place(self) -> str:
        """`file:line:column`, as editors and terminals understand it."""
        return ":".join(str(each) for each in (self.file, self.line, self.column) if each)

    def __str__(self) -> str:
        parts = [self.message]
        if self.found:
            parts.append(f"found {self.found}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.nearest:
            parts.append(f"did you mean {self.nearest!r}?")
        heading = " ".join(each for each in (self.place, self.path) if each)
        return f"{heading}: {'; '.join(parts)}" if heading else "; ".join(parts)


class ConfigInvalid(InvalidArgument):
    """A configuration cannot be used; nothing of it was applied. Its text is fit to print.

    Attributes:
        problems: all of them, in the order of the file.
    """

    default_reason = Reason.CONFIG_INVALID

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda each: (each.file, each.line, each.column)))
        super().__init__(_text(self.problems))


def _text(problems: Sequence[Problem]) -> str:
    files = Counter(problem.file or "the configuration" for problem in problems)
    lines = [f"{' and '.join(files)}: {len(problems)} {'problem' if len(problems) == 1 else 'problems'}"]
    for problem in problems[:PRINTED]:
        lines += [
            "",
            f"  {' '.join(each for each in (problem.place, problem.path) if each)}",
            f"      {problem.message}",
        ]
        if problem.found:
            lines.append(f"      found:   {problem.found}")
        if problem.allowed:
            lines.append(f"      allowed: {problem.allowed}")
        if problem.nearest:
            lines.append(f"      did you mean {problem.nearest!r}?")
    if len(problems) > PRINTED:
        lines += ["", f"  and {len(problems) - PRINTED} more"]
    return "\n".join(lines)


def path(loc: Loc) -> str:
    """`namespaces[3].config.pool_size` for ("namespaces", 3, "config", "pool_size")."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def nearest(found: str, allowed: Iterable[str]) -> str:
    """The allowed word that `found` was most likely meant to be, or empty."""
    return _nearest(found, tuple(allowed))


@lru_cache(maxsize=1024)
def _nearest(found: str, allowed: tuple[str, ...]) -> str:
    plain = {_plain(each): each for each in reversed(allowed)}
    word = _plain(found)
    shortened = [each for each in plain if len(each) >= _PREFIX and word.startswith(each)]
    close = shortened or difflib.get_close_matches(word, plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else ""


def _plain(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "")
