"""A backend's own metric with labels: its name and they travel as one text, where a plain metric has its name alone.

`queue_waiting{"topic":"mail","group":"senders"}` becomes `prism_queue_waiting` with these labels and that of the
backend. One whose name ends with `_total` is a counter.
"""

import functools
import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)
_MAX_VALUE: Final = 200
_OWN: Final = "backend"
"""The label that the gateway adds."""


class Labelled(NamedTuple):
    """A name, and the names and values of its labels in their order."""

    name: str
    names: tuple[str, ...]
    values: tuple[str, ...]


def labelled(name: str, labels: Mapping[str, str]) -> str:
    """The text for both."""
    return name + json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


@functools.lru_cache(4096)  # the same ones come with each scrape, on the event loop
def parse(text: str) -> Labelled | None:
    """What `labelled` made; None for anything else, such as a plain name."""
    name, brace, rest = text.partition("{")
    if not brace or not _NAME.fullmatch(name):
        return None
    try:
        labels = json.loads(brace + rest)
    except ValueError:
        return None
    if not isinstance(labels, dict):
        return None
    if not all(_NAME.fullmatch(key) and isinstance(value, str) for key, value in labels.items()) or _OWN in labels:
        return None
    return Labelled(name, tuple(labels), tuple(value[:_MAX_VALUE] for value in labels.values()))
