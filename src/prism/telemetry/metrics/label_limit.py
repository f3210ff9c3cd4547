"""The stores of backends as values of a label: some of each backend by name, the others together."""

from collections import defaultdict

from prism.telemetry.metrics.call_metrics import OTHER

MAX_STORES = 1000
"""Most stores of one backend that have series of their own; those of the others are added up under `OTHER`."""

_MAX_LENGTH = 200


class LabelLimit:
    """The stores of one scrape: the first to come keep their names, so come in order."""

    def __init__(self, most: int = MAX_STORES) -> None:
        self._most = most
        self._known: defaultdict[str, set[str]] = defaultdict(set)

    def label(self, backend: str, store: str) -> str:
        """What stands for the store."""
        known, store = self._known[backend], store[:_MAX_LENGTH]
        if store not in known:
            if len(known) >= self._most:
                return OTHER
            known.add(store)
        return store
