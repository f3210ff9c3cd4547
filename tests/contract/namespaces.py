"""The namespaces that tests write to: all configured beforehand, each handed out once."""

from collections.abc import Iterator

FRESH = 2500
FAMILIES = 60
MEMBERS = ("", "a", ".", "-", ".a", "1", "11", "a.b")


class Namespaces:
    """A store's namespaces; every way into the store draws from the same ones."""

    def __init__(self) -> None:
        self._fresh = iter(range(FRESH))
        self._families = iter(range(FAMILIES))

    def fresh(self) -> str:
        """A namespace that nobody has written to."""
        return f"t{next(self._fresh):04}"

    def family(self) -> list[str]:
        """Namespaces that nobody has written to, whose names begin with one another."""
        root = f"f{next(self._families):02}"
        return [root + member for member in MEMBERS]


def configured() -> Iterator[str]:
    """Every name that may be handed out."""
    yield "default"
    yield from (f"t{number:04}" for number in range(FRESH))
    yield from (f"f{number:02}{member}" for number in range(FAMILIES) for member in MEMBERS)
