"""Who calls: what authentication has found out, and authorization, limits and audit go by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

READ, WRITE, CONSUME, MANAGE, ADMIN = "read", "write", "consume", "manage", "admin"
OPERATION_CLASSES = (READ, WRITE, CONSUME, MANAGE, ADMIN)
"""What authorization tells apart. The class of an operation is in its .proto; the admin port's are `admin`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a credential was made for; it never allows more than the rules do.

    Attributes:
        operations: classes of operations.
        namespaces: patterns of namespaces.
    """

    operations: frozenset[str]
    namespaces: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Principal:
    """Someone who has proved who they are. Equal only to itself: what is remembered of one goes with it.

    Attributes:
        name: as rules, limits and the audit know it.
        method: the kind of authentication that found it; empty for none.
        groups: that it belongs to.
        claims: of its token, each as a list of texts.
        certificate: the fields of its certificate, each as a list of texts.
        scopes: what its credential is confined to; None where it is not.
        expires: seconds since 1970 after which its credential is not valid any more.
    """

    name: str
    method: str = ""
    groups: frozenset[str] = frozenset()
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    certificate: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    scopes: tuple[Scope, ...] | None = None
    expires: float = math.inf


ANONYMOUS = Principal("")
"""The principal of calls where authentication is off."""
