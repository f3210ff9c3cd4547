"""The namespaces that tests write to: all configured beforehand, each handed out once."""

import secrets
from collections.abc import Iterator

FRESH = 800
FAMILIES = 16
"""For each way in."""
MEMBERS = ("", "a", ".", "-", ".a", "1", "11", "a.b")


class Namespaces:
    """A place's namespaces for one abstraction; every way into the place draws from the same ones.

    Attributes:
        default: whether the namespace `default` is of this abstraction.
    """

    def __init__(self, interface: str, *, default: bool = False, ways: int = 1) -> None:
        self.default = default
        # A store that ran before may hold an earlier run's data.
        self._prefix = f"{interface}.{secrets.token_hex(3)}"
        self._most = ways
        self._fresh = iter(range(ways * FRESH))
        self._families = iter(range(ways * FAMILIES))

    def fresh(self) -> str:
        """A namespace that nobody has written to."""
        return _fresh(self._prefix, next(self._fresh))

    def family(self) -> list[str]:
        """Namespaces that nobody has written to, whose names begin with one another."""
        return _family(self._prefix, next(self._families))

    def configured(self) -> Iterator[str]:
        """Every name that may be handed out, and `default`."""
        if self.default:
            yield "default"
        yield from (_fresh(self._prefix, number) for number in range(self._most * FRESH))
        for number in range(self._most * FAMILIES):
            yield from _family(self._prefix, number)


def _fresh(prefix: str, number: int) -> str:
    return f"{prefix}.t{number:04}"


def _family(prefix: str, number: int) -> list[str]:
    root = f"{prefix}.f{number:02}"
    return [root + member for member in MEMBERS]
