"""The namespaces that tests write to: all configured beforehand, each handed out once."""

import secrets
from collections.abc import Iterator
from itertools import count, islice

SPARE = 64
"""Namespaces beyond one for each test: most tests take one, some two, one takes seventeen."""
FAMILIES = 8
MEMBERS = ("", "a", ".", "-", ".a", "1", "11", "a.b")


class Namespaces:
    """A place's namespaces for one abstraction; every way into the place draws from the same ones.

    Args:
        interface: the abstraction.
        tests: so many of its tests draw from them.
        default: whether the namespace `default` is of this abstraction.

    Attributes:
        default: the same.
    """

    def __init__(self, interface: str, tests: int = 0, *, default: bool = False) -> None:
        # A store that ran before may hold an earlier run's data.
        self._prefix = f"{interface}.{secrets.token_hex(3)}"
        self._tests = tests
        self.default = default
        self._fresh = self._names()
        self._families = self._families_of_names()

    def fresh(self) -> str:
        """A namespace that has not been written to."""
        return next(self._fresh)

    def family(self) -> list[str]:
        """Namespaces that have not been written to, whose names begin with one another."""
        return next(self._families)

    def configured(self) -> Iterator[str]:
        """The names that a gateway must know: as many as the tests may ask for, and `default`."""
        if self.default:
            yield "default"
        yield from islice(self._names(), self._tests + self._tests // 4 + SPARE)
        for family in islice(self._families_of_names(), min(self._tests, FAMILIES)):
            yield from family

    def _names(self) -> Iterator[str]:
        return (f"{self._prefix}.t{number:04}" for number in count())

    def _families_of_names(self) -> Iterator[list[str]]:
        return ([f"{self._prefix}.f{number:02}{member}" for member in MEMBERS] for number in count())
