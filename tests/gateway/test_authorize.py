"""Who may do what: rules, their conditions and their patterns, decided on the data path and explained beside it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policed import SERVICE, Incoming, policed
from prism.config.access import Access, pattern
from prism.config.sections.authorization import AuthorizationSection
from prism.context import Context
from prism.errors import NamespaceNotFound, PermissionDenied
from prism.plugins.in_process import InProcess
from prism.principal import Principal, Scope
from prism.wire import Peer, UnixCredentials

RULES: list[dict[str, Any]] = [
    {"principals": ["alice", "svc-*"], "namespaces": ["orders-*", "shared"], "operations": ["read", "write"]},
    {"groups": ["ops"], "namespaces": ["*"], "operations": ["read", "admin"]},
    {"claims": {"tenant": "acme", "level": ["2", "3"]}, "namespaces": ["acme.*"], "operations": ["write"]},
    {"certificate": {"organizational_unit": "pay*"}, "namespaces": ["p*y*s"], "operations": ["read"]},
]
EVERY = {"read", "write", "consume", "manage", "admin"}
PRINCIPALS = {
    "alice": Principal("alice"),
    "service": Principal("svc-7"),
    "ops": Principal("olga", groups=frozenset({"dev", "ops"})),
    "acme": Principal("a", claims={"tenant": ("acme",), "level": ("1", "3")}),
    "acme low": Principal("b", claims={"tenant": ("acme",), "level": ("1",)}),
    "acme else": Principal("c", claims={"level": ("3",)}),
    "payments": Principal("d", certificate={"organizational_unit": ("payments",)}),
    "nobody": Principal("Alice"),
}


def access(*rules: Mapping[str, Any]) -> Access:
    """The rules, compiled."""
    return Access(AuthorizationSection.model_validate({"rules": rules or RULES}))


@pytest.mark.parametrize(
    ("who", "namespace", "allowed"),
    [
        ("alice", "orders-eu", {"read", "write"}),
        ("alice", "shared", {"read", "write"}),
        ("alice", "orders", set()),
        ("alice", "xorders-eu", set()),
        ("alice", "shared2", set()),
        ("service", "shared", {"read", "write"}),
        ("ops", "orders-eu", {"read", "admin"}),
        ("acme", "acme.eu", {"write"}),
        ("acme", "acmexeu", set()),
        ("acme low", "acme.eu", set()),
        ("acme else", "acme.eu", set()),
        ("payments", "payments", {"read"}),
        ("payments", "payment", set()),
        ("nobody", "shared", set()),
        ("alice", "orders-" + "x" * 60, set()),
    ],
)
def test_rules_allow_exactly_what_they_say(who: str, namespace: str, allowed: set[str]) -> None:
    """Every condition must hold, patterns match whole names, and a point is a point; the explanation agrees."""
    rules, principal = access(), PRINCIPALS[who]
    assert rules.allowed(principal, namespace) == allowed
    if len(namespace) < 64:
        explained = {operation for operation in EVERY if rules.explain(principal, namespace, operation).allowed}
        assert explained == allowed


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=10))
def test_a_star_stands_for_any_characters(glob: str, text: str) -> None:
    """Also several, side by side or not: as the plainest way to say it has it."""
    assert (pattern([glob]).fullmatch(text) is not None) == fits(glob, text)


def fits(glob: str, text: str) -> bool:
    """The plainest way."""
    if not glob:
        return not text
    if glob[0] == "*":
        return fits(glob[1:], text) or (bool(text) and fits(glob, text[1:]))
    return text[:1] == glob[0] and fits(glob[1:], text[1:])


def test_no_pattern_takes_long_on_any_name() -> None:
    """A token may bring its own patterns, and a caller chooses the name: this one would outlast the test otherwise."""
    token = Principal("mallory", scopes=(Scope(frozenset(EVERY), ("*a" * 300 + "*b",)),))
    rules = access(
        {"principals": ["*a" * 30 + "*b", "mallory"], "namespaces": ["*a" * 30 + "*"], "operations": ["read"]}
    )
    assert rules.allowed(token, "a" * 63) == frozenset()
    assert rules.allowed(Principal("a" * 1024), "a" * 63) == frozenset()


def test_rules_add_up() -> None:
    """What several rules allow is allowed by all of them together; nothing is allowed by none."""
    somebody = {"principals": ["*"], "namespaces": ["a"]}
    both = access(somebody | {"operations": ["read"]}, somebody | {"operations": ["write"]})
    assert both.allowed(Principal("x"), "a") == {"read", "write"}
    assert Access(AuthorizationSection()).allowed(Principal("x"), "a") == set()


def test_a_scope_takes_away_and_adds_nothing() -> None:
    """A credential that is confined is good for what both its scope and the rules allow."""
    confined = Principal("alice", scopes=(Scope(frozenset({"read", "admin"}), ("shared", "other")),))
    assert access().allowed(confined, "shared") == {"read"}
    assert access().allowed(confined, "other") == set()
    assert access().allowed(confined, "orders-eu") == set()
    assert access().explain(confined, "shared", "write").scope == "the credential is not made for write on shared"
    assert access().allowed(Principal("alice", scopes=()), "shared") == set()


def test_an_explanation_says_what_each_rule_wants() -> None:
    """In the words of the configuration."""
    explanation = access().explain(PRINCIPALS["acme low"], "acme.eu", "write")
    assert not explanation.allowed
    assert dict(explanation.rules) == {
        0: "is about the namespaces orders-*, shared",
        1: "wants group 'ops'",
        2: "wants claim level '2' or '3'",
        3: "is about the namespaces p*y*s",
    }
    assert dict(access().explain(PRINCIPALS["ops"], "x", "write").rules)[1] == "allows read, admin only"


async def test_a_namespace_that_is_not_allowed_is_like_one_that_is_not_there() -> None:
    """The same answer to the letter, so that names cannot be tried out; what is allowed may be told to be missing."""
    users = {"methods": [{"type": "unix", "users": {1: "alice"}}]}
    rules = [{"principals": ["alice"], "namespaces": ["mine*"], "operations": ["read"]}]
    peer = Peer("unix:", UnixCredentials(1, 1, 1))
    async with policed(users, rules, ("mine", "secret")) as world:
        answers = []
        for namespace in ("secret", "absent"):
            with pytest.raises(PermissionDenied) as caught:
                await world.ask("Put", namespace, peer=peer)
            error = caught.value
            answers.append((error.code, error.message.replace(namespace, "N"), error.reason, error.outcome))
            assert error.metadata == {"namespace": namespace}
        assert answers[0] == answers[1]
        await world.ask("Get", "mine", peer=peer)
        with pytest.raises(PermissionDenied, match="'alice' may not write on the namespace 'mine'"):
            await world.ask("Put", "mine", peer=peer)
        with pytest.raises(NamespaceNotFound):
            await world.ask("Get", "mine-2", peer=peer)


async def test_a_reload_changes_what_is_allowed() -> None:
    """Decisions are remembered no longer than the rules that they were made by."""
    users = {"methods": [{"type": "unix", "users": {1: "alice"}}]}
    rule = {"principals": ["alice"], "namespaces": ["default"], "operations": ["read"]}
    peer = Peer("unix:", UnixCredentials(1, 1, 1))
    async with policed(users, [rule]) as world:
        await world.ask("Get", peer=peer)
        world.configure(users, [rule | {"operations": ["write"]}])
        await world.ask("Put", peer=peer)
        with pytest.raises(PermissionDenied):
            await world.ask("Get", peer=peer)
        world.configure(None, [])
        await world.ask("Get")


async def test_a_subscription_ends_when_its_caller_may_not_have_it_any_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload that takes the right away ends the stream with the refusal; one that leaves it does not."""
    users = {"methods": [{"type": "unix", "users": {1: "alice"}}]}
    rule = {"principals": ["alice"], "namespaces": ["default"], "operations": ["read"]}
    gave = asyncio.Event()

    async def stream(_instance: InProcess, _operation: str, _payload: bytes, context: Context) -> AsyncIterator[bytes]:
        context.established()
        gave.set()
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(InProcess, "stream", stream)
    async with policed(users, [rule]) as world:
        scan = world.gateway.operations[f"/{SERVICE}/ScanStream"]
        incoming = Incoming(peer=Peer("unix:", UnixCredentials(1, 1, 1)))
        reader = asyncio.create_task(anext(world.gateway.stream(incoming, scan, b"")))
        await gave.wait()
        world.configure(users, [rule, rule | {"operations": ["write"]}])
        await asyncio.sleep(0)
        assert not reader.done()
        world.configure(users, [])
        with pytest.raises(PermissionDenied, match="'alice' may not read"):
            await reader
