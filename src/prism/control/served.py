"""What serves a namespace, and what of it is to be served by another instance."""

from dataclasses import dataclass

from prism.config.specification import BackendSpec, NamespaceSpec
from prism.control.supervision.supervised import Supervised
from prism.plugins.own_services import OwnService


@dataclass(frozen=True, slots=True)
class ServedBackend:
    """Some abstractions of a namespace, and the instance that serves them.

    Attributes:
        spec: what is served, and by what.
        supervised: the instance.
    """

    spec: BackendSpec
    supervised: Supervised


@dataclass(frozen=True, slots=True)
class Served:
    """A namespace and what serves it.

    Attributes:
        spec: as it is served, which is not as the file has it where a change is held back.
        backends: the instances, each once.
    """

    spec: NamespaceSpec
    backends: tuple[ServedBackend, ...]

    @property
    def instances(self) -> tuple[Supervised, ...]:
        """The instances alone."""
        return tuple(each.supervised for each in self.backends)

    @property
    def refusal(self) -> str:
        """Why calls of some of its abstractions, or of all, are refused; empty where none are."""
        return next(filter(None, (each.refusal(self.spec.name) for each in self.instances)), "")

    def is_served_as(self, other: "Served | None") -> bool:
        """Whether the same abstractions are served by the same instances."""
        return other is not None and self._served_by() == other._served_by()

    def _served_by(self) -> set[tuple[frozenset[OwnService], frozenset[str], Supervised]]:
        return {(frozenset(each.spec.own), each.spec.services, each.supervised) for each in self.backends}

    def own_services(self, supervised: Supervised) -> tuple[OwnService, ...]:
        """The services of its plugin's own that the namespace has of an instance."""
        return next((each.spec.own for each in self.backends if each.supervised is supervised), ())

    def serving(self, abstraction: str) -> Supervised | None:
        """The instance that serves an abstraction; None where it is not served."""
        return next((each.supervised for each in self.backends if abstraction in each.spec.abstractions), None)


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """Abstractions of a namespace that go to another instance, together.

    Attributes:
        namespace: its name.
        spec: the abstractions that move, and where to.
        old: the instance that serves them now; None where none does.
    """

    namespace: str
    spec: BackendSpec
    old: Supervised | None
