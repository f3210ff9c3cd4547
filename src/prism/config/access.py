"""The rules of `authorization`, compiled: decisions, and their explanations."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prism.config.sections.authorization import AuthorizationSection, Rule
from prism.interfaces.catalogue import interfaces
from prism.interfaces.operation import right
from prism.principal import OPERATION_CLASSES, Principal, Scope

MAX_NAMESPACE_LENGTH = 63
"""No namespace has a longer name, and a pattern with many `*` takes long on a long text that a caller chose."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a caller.

    Attributes:
        kind: `principal`, `group`, `claim` or `certificate`.
        key: of the claim, or the certificate's field.
        matches: finds out whether a text is wanted.
        wanted: the same, as the configuration has it.
    """

    kind: str
    key: str
    matches: re.Pattern[str]
    wanted: str

    def holds(self, principal: Principal) -> bool:
        """Whether the caller meets it."""
        return any(self.matches.fullmatch(text) for text in self._found(principal))

    def _found(self, principal: Principal) -> Iterable[str]:
        match self.kind:
            case "principal":
                return (principal.name,)
            case "group":
                return principal.groups
            case "claim":
                return principal.claims.get(self.key, ())
        return principal.certificate.get(self.key, ())

    def __str__(self) -> str:
        return f"{self.kind} {self.key} {self.wanted}" if self.key else f"{self.kind} {self.wanted}"


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One rule, ready to be asked.

    Attributes:
        number: its place in the configuration, from 0.
        conditions: on the caller; all must hold.
        namespaces: finds out whether it applies to one.
        operations: the classes that it allows.
        shown: its namespaces as the configuration has them.
        rights: what it gives: the classes, or where it names abstractions the classes of each, `sql.read`.
    """

    number: int
    conditions: tuple[Condition, ...]
    namespaces: re.Pattern[str]
    operations: frozenset[str]
    shown: str
    rights: frozenset[str]

    def allows(self, principal: Principal, namespace: str) -> frozenset[str]:
        """What it gives the caller there."""
        if self.namespaces.fullmatch(namespace) and all(each.holds(principal) for each in self.conditions):
            return self.rights
        return frozenset()

    def lacks(self, principal: Principal, namespace: str, wanted: frozenset[str]) -> str:
        """Why it gives none of these rights, of which one is enough; empty where it does."""
        if not self.namespaces.fullmatch(namespace):
            return f"is about the namespaces {self.shown}"
        if missing := [str(each) for each in self.conditions if not each.holds(principal)]:
            return f"wants {' and '.join(missing)}"
        if wanted & self.rights:
            return ""
        if self.rights != self.operations:
            return f"allows {', '.join(sorted(self.rights))} only"
        allowed = ", ".join(each for each in OPERATION_CLASSES if each in self.operations)
        return f"allows {allowed} only"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and its reasons.

    Attributes:
        allowed: the decision.
        rules: for each rule, its number and why it does not allow the operation; empty where it does.
        scope: what the caller's credential lacks; empty where it lacks nothing.
    """

    allowed: bool
    rules: tuple[tuple[int, str], ...]
    scope: str


class Access:
    """Who may do what.

    Attributes:
        section: what it was made of.
    """

    __slots__ = ("_rules", "section")

    def __init__(self, section: AuthorizationSection) -> None:
        self.section = section
        self._rules = tuple(_compiled(number, rule) for number, rule in enumerate(section.rules))

    def allowed(self, principal: Principal, namespace: str) -> frozenset[str]:
        """What the caller may do on the namespace, whether or not there is one: classes of operations, and those of
        single abstractions, `sql.read`.
        """
        if len(namespace) > MAX_NAMESPACE_LENGTH:
            return frozenset()
        by_rules = frozenset[str]().union(*(rule.allows(principal, namespace) for rule in self._rules))
        within = _within(principal.scopes, namespace)
        return frozenset(each for each in by_rules if each.rpartition(".")[2] in within)

    def explain(
        self, principal: Principal, namespace: str, operation: str, abstraction: str | None = None
    ) -> Explanation:
        """The decision about one class of operations, of one abstraction where it is given, with every rule's part."""
        wanted = {operation}
        if abstraction is not None:
            of_class = [each for each in interfaces()[abstraction].operations if each.operation_class == operation]
            of_all = () if of_class and all(each.named for each in of_class) else (operation,)
            wanted = {*of_all, right(abstraction, operation)}
        reasons = tuple((rule.number, rule.lacks(principal, namespace, frozenset(wanted))) for rule in self._rules)
        scope = ""
        if operation not in _within(principal.scopes, namespace):
            scope = f"the credential is not made for {operation} on {namespace}"
        return Explanation(any(not reason for _, reason in reasons) and not scope, reasons, scope)


def pattern(patterns: Sequence[str]) -> re.Pattern[str]:
    """Finds what matches one of the patterns, in which `*` stands for any characters, in time that grows with both."""
    return re.compile("|".join(map(_expression, patterns)), re.DOTALL)


def _expression(glob: str) -> str:
    first, *rest = map(re.escape, glob.split("*"))
    if not rest:
        return first
    *middle, last = rest
    # The first place that fits is as good as any later one, so none is gone back to (atomic groups): a text of a
    # caller's choice, or a pattern in a caller's token, could make the search take hours.
    return first + "".join(f"(?>.*?{each})" for each in middle if each) + ".*" + last


def _compiled(number: int, rule: Rule) -> AccessRule:
    conditions = tuple(
        Condition(kind, key, pattern(patterns), " or ".join(map(repr, patterns)))
        for kind, key, patterns in rule.conditions()
    )
    shown = ", ".join(rule.namespaces)
    operations = frozenset[str](rule.operations)
    rights = operations
    if rule.abstractions is not None:
        rights = frozenset(right(abstraction, kind) for abstraction in rule.abstractions for kind in operations)
    return AccessRule(number, conditions, pattern(rule.namespaces), operations, shown, rights)


def _within(scopes: Sequence[Scope] | None, namespace: str) -> frozenset[str]:
    if scopes is None:
        return frozenset(OPERATION_CLASSES)
    fitting = (each.operations for each in scopes if each.namespaces and pattern(each.namespaces).fullmatch(namespace))
    return frozenset[str]().union(*fitting)
