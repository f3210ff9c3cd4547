"""The configuration's section `authorization`: who may do what on which namespaces. What no rule allows is denied."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from prism.config.sections.section import Section, refuse
from prism.config.yaml.problem import nearest
from prism.interfaces.catalogue import interfaces

CERTIFICATE_FIELDS = (
    "common_name",
    "country",
    "dns",
    "email",
    "issuer_common_name",
    "locality",
    "organization",
    "organizational_unit",
    "serial_number",
    "state",
    "uri",
)
"""What rules may ask of a certificate; `prism.gateway.auth.mtls` reads them."""

_PATTERN = re.compile(r"[a-z0-9.*-]{1,63}")


def _namespace_pattern(pattern: str) -> str:
    if not _PATTERN.fullmatch(pattern):
        close = re.sub(r"[^a-z0-9.*-]+", "-", pattern.lower()).strip("-")[:63]
        allowed = "1 to 63 characters of a-z 0-9 . - and *, which stands for any characters"
        raise refuse("not a pattern of namespaces", allowed=allowed, close=close)
    return pattern


def _certificate_field(name: str) -> str:
    if name not in CERTIFICATE_FIELDS:
        close = nearest(name, CERTIFICATE_FIELDS)
        raise refuse("not a field of certificates", allowed=", ".join(CERTIFICATE_FIELDS), close=close)
    return name


def _abstraction(name: str) -> str:
    if name not in interfaces():
        raise refuse("no such abstraction", allowed=", ".join(interfaces()), close=nearest(name, interfaces()))
    return name


OperationClass = Literal["read", "write", "consume", "manage", "admin"]
Pattern = Annotated[str, Field(min_length=1)]
Patterns = tuple[Pattern, ...]
NamespacePatterns = Annotated[tuple[Annotated[str, AfterValidator(_namespace_pattern)], ...], Field(min_length=1)]
CertificateField = Annotated[str, AfterValidator(_certificate_field)]
Abstractions = Annotated[tuple[Annotated[str, AfterValidator(_abstraction)], ...], Field(min_length=1)]


class Rule(Section):
    """Allows operations to callers. Every condition that is given must hold; of a list, one entry.

    In all texts `*` stands for any characters.

    Attributes:
        principals: names of callers; `["*"]` is everybody who is authenticated.
        groups: that the caller belongs to.
        claims: of the caller's token, text or list of texts by claim.
        certificate: fields of the caller's certificate, such as `organizational_unit`; text or list of texts by field.
        namespaces: where it applies.
        operations: `read`, `write`, `consume`, `manage` and `admin`; none of them includes another.
        abstractions: those that it is about; without it all of them but `sql`, which a rule must name.
    """

    principals: Patterns = ()
    groups: Patterns = ()
    claims: dict[str, Pattern | Patterns] = Field(default_factory=dict)
    certificate: dict[CertificateField, Pattern | Patterns] = Field(default_factory=dict)
    namespaces: NamespacePatterns
    operations: Annotated[tuple[OperationClass, ...], Field(min_length=1)]
    abstractions: Abstractions | None = None

    @model_validator(mode="after")
    def _is_about_somebody(self) -> "Rule":
        if not (self.principals or self.groups or self.claims or self.certificate):
            allowed = 'a subject; principals: ["*"] is every authenticated caller'
            raise refuse("the rule has no subject: set principals, groups, claims or certificate", allowed=allowed)
        return self

    def conditions(self) -> Iterator[tuple[str, str, Patterns]]:
        """Kind, key (empty but for claims and certificates) and patterns of every condition on the caller."""
        if self.principals:
            yield "principal", "", self.principals
        if self.groups:
            yield "group", "", self.groups
        for kind, wanted in (("claim", self.claims), ("certificate", self.certificate)):
            for key, patterns in wanted.items():
                yield kind, key, (patterns,) if isinstance(patterns, str) else patterns


class AuthorizationSection(Section):
    """Who may do what.

    Attributes:
        rules: a call is allowed where one of them allows it.
    """

    rules: tuple[Rule, ...] = ()
