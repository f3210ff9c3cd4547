"""A figure that a part of the gateway tells of itself, as data: `/metrics` needs to know nothing of that part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure at one instant.

    Attributes:
        name: by Prometheus' conventions, with its unit and, for a counter, without `_total`.
        help: a sentence.
        values: by the values of the labels; the empty tuple where there are none.
        labels: their names. Nobody may be able to invent values for them without bound.
        kind: a counter only grows while the process lives.
    """

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: tuple[str, ...] = ()
    kind: Literal["counter", "gauge"] = "gauge"
