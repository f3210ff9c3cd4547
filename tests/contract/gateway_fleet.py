"""The gateways under test: for each store as many real processes as it allows, kept for the whole session."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateways import namespace, running

from .namespaces import configured
from .store import Store


class Fleet:
    """Starts the gateways of a store when they are first asked for."""

    def __init__(self, folder: Callable[[], Path], stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._addresses: dict[str, list[str]] = {}

    def of(self, store: Store) -> list[str]:
        """The addresses of the gateways that serve the store, all its namespaces configured."""
        if store.name not in self._addresses:
            entries = [namespace(name, store.name, **store.config) for name in configured()]
            self._addresses[store.name] = [
                self._stack.enter_context(running({"namespaces": entries}, self._folder())).data
                for _ in range(store.doors)
            ]
        return self._addresses[store.name]


@contextmanager
def fleet(folder: Callable[[], Path]) -> Iterator[Fleet]:
    """No gateway at first; all are stopped at the end."""
    with ExitStack() as stack:
        yield Fleet(folder, stack)
