"""What a reload did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from prism.config.yaml.problem import Problem

_NAMED_AT_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadReport:
    """The outcome of one reload.

    Attributes:
        generation: of the snapshot that serves now.
        applied: False where the file was refused and nothing changed.
        added: namespaces.
        changed: namespaces that are served otherwise than before.
        removed: namespaces.
        policy: who may call, or how much, is decided otherwise than before.
        held: namespaces that are served as before although the file says otherwise, each with the reason.
        notes: what else an operator should know, such as a section that needs a restart.
        problems: why the file was refused.
    """

    generation: int
    applied: bool = True
    added: Sequence[str] = ()
    changed: Sequence[str] = ()
    removed: Sequence[str] = ()
    policy: bool = False
    held: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    problems: Sequence[Problem] = ()

    def followed_by(self, other: "ReloadReport") -> "ReloadReport":
        """Of both as one change: the other one took up what was held back in this one."""
        return replace(
            other,
            added=[*dict.fromkeys((*self.added, *other.added))],
            changed=[*dict.fromkeys((*self.changed, *other.changed))],
            removed=[*dict.fromkeys((*self.removed, *other.removed))],
            policy=self.policy or other.policy,
            notes=[*dict.fromkeys((*self.notes, *other.notes))],
        )

    def __str__(self) -> str:
        if not self.applied:
            return "the configuration was not applied; everything is served as before"
        counts = [
            f"{len(names)} {what}"
            for what, names in (("added", self.added), ("changed", self.changed), ("removed", self.removed))
            if names
        ]
        counts += [f"{len(self.held)} kept as they were"] if self.held else []
        policy = ", policies changed" if self.policy else ""
        return f"configuration {self.generation}: namespaces {', '.join(counts) or 'unchanged'}{policy}"

    def summary(self) -> dict[str, object]:
        """What the audit trail says of it."""
        lists = {name: getattr(self, name) for name in ("added", "changed", "removed", "held")}
        shortened = {name: list(each)[:_NAMED_AT_MOST] for name, each in lists.items() if each}
        counts = {f"{name}_count": len(each) for name, each in lists.items() if each}
        return {"generation": self.generation, "problems": len(self.problems), **counts, **shortened}
