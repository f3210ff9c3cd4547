"""Gathers what is wrong with a configuration while it is loaded, so that all problems are reported at once."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from prism.config.yaml import explain
from prism.config.yaml.document import Document
from prism.config.yaml.problem import Loc, Problem
from prism.redactor import Redactor


class ProblemCollector:
    """Those about one document.

    Attributes:
        problems: so far.
    """

    def __init__(self, document: Document, redactor: Redactor) -> None:
        """
        Args:
            document: knows the places of everything.
            redactor: takes secrets out of the problems.
        """
        self.problems: list[Problem] = list(document.problems)
        self._document = document
        self._redactor = redactor
        self._unresolved: frozenset[str] = frozenset()

    def unresolved(self, problems: Iterable[Problem]) -> None:
        """References that lead nowhere; what a model says of the values in their places is left out."""
        found = tuple(problems)
        self.problems += found
        self._unresolved = frozenset(problem.path for problem in found)

    def explain(self, loc: Loc, data: Any, model: Any, error: ValidationError) -> None:
        """What a model says of the data at a place."""
        found = explain.problems(self._document, loc, data, model, error, self._redactor)
        self.problems += [problem for problem in found if problem.path not in self._unresolved]

    def add(
        self, loc: Loc, message: str, *, found: str = "", allowed: str = "", close: str = "", key: bool = False
    ) -> None:
        """One more.

        Args:
            loc: the place.
            message: what is wrong and, where it is not plain, what to do.
            found: what was there.
            allowed: what may be there.
            close: the nearest valid spelling.
            key: the place meant is that of the key, not of its value.
        """
        scrub = self._redactor.scrub
        self.problems.append(
            self._document.problem(loc, scrub(message), found=scrub(found), allowed=allowed, nearest=close, key=key)
        )
